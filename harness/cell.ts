import { createHash } from 'node:crypto';
import path from 'node:path';
import {
	attachHost,
	type BackendView,
	type CellResult,
	type FindingId,
	findings,
	type GuestReading,
	type Host,
	type HostFacts,
	type JudgeOptions,
	judge,
	type Machine,
	type MachineSpec,
	messageOf,
	type Observations,
	type PerfReading,
	type PmuSettings,
	type Prediction,
	postedStarts,
	predictBackend,
	QemuError,
	RunFolder,
	simulate,
	startMachine,
	type Verdict,
	VpmuError,
} from '../src/index.ts';
import { type CpuPmu, cpuGroups, cpuPmus, resolvePmu } from './groups.ts';
import { Guest } from './guest.ts';
import { kernelArguments } from './kernel-arguments.ts';
import type { Lease } from './lease.ts';
import type { Known, Matrix } from './matrix.ts';
import type { Cell } from './plan.ts';
import { writeRepro } from './repro.ts';
import { simulations } from './simulations.ts';

/** Ends a cell that means nothing on this host or for this QEMU. */
export class CellSkipped extends Error {
	override readonly name = 'CellSkipped';
}

/** Ends a body early because what was predicted has been seen: QEMU refused to start. */
class AsPredicted extends Error {
	override readonly name = 'AsPredicted';
}

/** How a machine of a cell is started, where it is not what the matrix says. */
export interface BootOptions {
	/** Host CPUs (list format) that the whole of QEMU may run on from its start. */
	readonly affinity?: string;
	readonly spec?: Partial<MachineSpec>;
}

/** One cell while it runs: what a case works with. Observations are kept as they are made and judged at the end. */
export class CellSession {
	readonly cell: Cell;
	readonly lease: Lease;
	readonly #matrix: Matrix;
	readonly #owned = new AsyncDisposableStack();
	readonly #startedAt = performance.now();
	readonly #unmet: string[] = [];
	readonly #readings: { readonly reading: GuestReading; readonly perf: PerfReading }[] = [];
	#observations: Observations = {};
	#facts: HostFacts;
	#wrapper: readonly string[] = [];
	#host: Host | undefined;
	#machine: Machine | undefined;
	#settings: PmuSettings | undefined;
	#prediction: Prediction | undefined;
	#failure: unknown;
	#zeroBoot = false;

	constructor(cell: Cell, lease: Lease, matrix: Matrix) {
		this.cell = cell;
		this.lease = lease;
		this.#matrix = matrix;
		this.#facts = lease?.facts;
	}

	get host(): Host {
		return this.#host!;
	}

	/** The host as QEMU sees it: simulated capabilities included. */
	get facts(): HostFacts {
		return this.#facts;
	}

	/** A group of host CPUs to start on: not the same for all cells, so that cells side by side are not all on one CPU. */
	get home(): string {
		const { groups } = this;
		return groups[createHash('sha256').update(this.cell.id).digest()[0]! % groups.length]!;
	}

	/** PMUs of the host's CPUs, by type. */
	get pmus(): readonly CpuPmu[] {
		return cpuPmus(this.#facts);
	}

	/** What has been seen so far. */
	get observations(): Observations {
		return this.#observations;
	}

	/** What must be chosen, for the settings of the last boot. */
	get prediction(): Prediction {
		return this.#prediction!;
	}

	/** Groups of host CPUs on which a vCPU counts with the same PMU, as CPU lists, in order of their first CPU. */
	get groups(): readonly string[] {
		return cpuGroups(this.#facts);
	}

	/** Attaches to the host and decides whether the cell means anything here. @throws CellSkipped */
	async prepare(): Promise<void> {
		writeRepro(this.cell, this.lease);
		this.#host = this.#owned.use(await attachHost(this.lease.host));
		await this.#simulate();
		this.#predict({});
		const reason = this.#matrix.skip?.(this.known);
		if (reason !== undefined) throw new CellSkipped(reason);
	}

	get known(): Known {
		const { cell, lease } = this;
		return {
			facts: this.#facts,
			topology: cell.topology,
			pmus: this.pmus,
			prediction: this.prediction,
			qemu: { version: lease.qemu.version, hasPmuChoice: lease.inspection.pmuChoice.has === true },
			machine: cell.machine,
			pmu: cell.pmu,
		};
	}

	/**
	 * Boots the guest of this cell and looks at it over QMP, in the trace and from inside. When the prediction is an
	 * error, seeing QEMU refuse ends the body: there is nothing more to observe.
	 */
	async boot(options: BootOptions = {}): Promise<Guest> {
		const machine = await this.#start(options, {
			kernel: this.lease.kernel.path,
			initrd: this.lease.initrd,
			append: kernelArguments,
			// The console stays; commands go over a port, which moves blocks and not single characters.
			ports: ['vpmu'],
		});
		const guest = new Guest(this, machine);
		await guest.observe();
		return guest;
	}

	/** Starts QEMU with the vCPUs stopped and no kernel: all that can be asked over QMP, without the cost of a boot. */
	async startWithoutBoot(options: BootOptions = {}): Promise<Machine> {
		this.#zeroBoot = true;
		const machine = await this.#start(options, { paused: true });
		await this.observeQmp(machine);
		await this.observeTrace(machine);
		return machine;
	}

	/** A demand of the case beyond the prediction: unmet, the cell fails, or is `xfail` where that was expected. */
	expect(met: boolean, demand: string): void {
		if (!met) this.unmet(demand);
	}

	unmet(demand: string): void {
		this.#unmet.push(demand.split('\n', 1)[0]!);
	}

	/** What the body threw. */
	bodyFailed(error: unknown): void {
		if (!(error instanceof AsPredicted)) this.#failure = error;
	}

	observe(part: Observations): void {
		this.#observations = { ...this.#observations, ...part };
	}

	addReading(reading: GuestReading): void {
		const { event, state, count, runningPct, pinned } = reading;
		this.#readings.push({
			reading,
			perf: {
				event,
				state: state === 'stuck' ? 'not-counted' : state,
				count: count?.toString() ?? null,
				runningPct,
				pinned,
			},
		});
		const guest = this.#observations.guest;
		if (guest !== undefined) this.observe({ guest: { ...guest, readings: this.#readings.map(one => one.reading) } });
	}

	/** Asks QEMU what it says of the PMU. */
	async observeQmp(machine: Machine): Promise<void> {
		const { qmp } = machine;
		const kvm = await qmp.execute('query-kvm');
		const [cpu] = await qmp.execute('query-cpus-fast');
		const cpuPmu = await qmp.execute('qom-get', { path: cpu!['qom-path'], property: 'pmu' }).then(
			value => value as boolean,
			error => {
				if (/not found/.test(messageOf(error))) return 'absent' as const;
				throw error;
			},
		);
		const { status } = await qmp.execute('query-status');
		const type = this.lease.inspection.machines.find(
			one => one.name === this.cell.machine || one.alias === this.cell.machine,
		);
		const compat = type?.backcompatPmu;
		this.observe({
			qmp: { kvm, cpuPmu, runState: status, ...(typeof compat === 'boolean' ? { machineBackcompatPmu: compat } : {}) },
		});
	}

	/** Reads what QEMU traced so far. */
	async observeTrace(machine: Machine): Promise<void> {
		const known = this.lease.inspection.pmuChoice.evidence.some(one => one.way === 'trace-event' && one.has === true);
		const { events } = await machine.readLog();
		const numbersOf = (name: string) => events.filter(one => one.event === name).map(one => one.numbers);
		this.observe({
			trace: {
				events: known ? 'known' : 'unknown',
				setPmu: numbersOf('kvm_arm_set_pmu').map(({ type, ret }) => ({ type: type!, ret: ret! })),
				setFixedCountersOnly: numbersOf('kvm_arm_set_pmu_fixed_counters_only').map(({ ret }) => ({ ret: ret! })),
			},
		});
	}

	/** Disposes of everything of the cell, in reverse order. Idempotent. */
	async close(): Promise<void> {
		if (this.#owned.disposed) return;
		const machine = this.#machine;
		if (machine !== undefined && !this.#failure && this.#observations.start?.state === 'running') {
			// Asked last: a QEMU that died of being asked is seen here.
			await this.observeQmp(machine).catch(error => {
				this.#failure ??= error;
			});
			await this.observeTrace(machine).catch(() => undefined);
		}
		await this.#owned.disposeAsync();
	}

	/** The result, when the body has ended and everything is closed. */
	conclude(): CellResult {
		const failure = this.#failure;
		if (failure instanceof CellSkipped) return this.#result('skip', failure.message, null);
		const refused = failure instanceof QemuError && this.#observations.start?.state === 'exited';
		if (failure !== undefined && !refused) return CellSession.failedToRun(this.cell, this, failure);
		const options = this.#judging;
		const verdict = judge(this.prediction, this.#observations, options);
		if (!verdict.agrees) {
			const finding = this.#finding(options);
			return finding === undefined
				? this.#result('fail', [...verdict.reasons, ...this.#unmet].join('; '), this.#guilty(verdict), verdict)
				: this.#result('xfail', finding, null, verdict);
		}
		const expected = this.#matrix.expectFailure?.(this.known);
		if (this.#unmet.length > 0) {
			return expected === undefined
				? this.#result('fail', this.#unmet.join('; '), 'qemu', verdict)
				: this.#result('xfail', expected, null, verdict);
		}
		if (expected !== undefined) return this.#result('xpass', `expected to fail: ${expected}`, null, verdict);
		const mended = this.#mended();
		return mended === undefined
			? this.#result('pass', null, null, verdict)
			: this.#result('xpass', `no longer so: ${mended}`, null, verdict);
	}

	/** The finding that should have shown, when the posted code can only come to something else than was seen. */
	#mended(): string | undefined {
		const posted = postedStarts(this.#facts, this.#settings!);
		const finding = posted.every(start => start.findings.length > 0) ? posted[0]?.findings[0] : undefined;
		return finding === undefined ? undefined : `finding ${finding}: ${findings[finding as FindingId]}`;
	}

	get #judging(): JudgeOptions {
		return {
			...(this.#zeroBoot ? { booted: false, runState: 'prelaunch' } : {}),
			...(this.requiredCpus === undefined ? {} : { hostCpus: this.requiredCpus }),
		};
	}

	/** Host CPUs that this cell speaks of, where it is not all of them. */
	requiredCpus: string | undefined;

	#guilty(verdict: Verdict): CellResult['blame'] {
		return verdict.contradictions.some(one => one.layer === 'guest' || one.layer === 'perf') ? 'guest' : 'qemu';
	}

	/** The result of a cell that did not get to its end. */
	static failedToRun(cell: Cell, session: CellSession | undefined, error: unknown): CellResult {
		const blank = session ?? new CellSession(cell, undefined as never, {});
		if (error instanceof CellSkipped) return blank.#result('skip', error.message, null);
		if (error instanceof VpmuError) {
			const evidence = error.evidence
				.slice(-3)
				.map(line => ` | ${line}`)
				.join('');
			const underTest =
				(error instanceof QemuError && ['exited', 'killed', 'stuck'].includes(error.failure)) ||
				error.blame === 'guest';
			return blank.#result(underTest ? 'fail' : 'error', `${error.message}${evidence}`, error.blame);
		}
		const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
		return blank.#result('error', text.split('\n').slice(0, 3).join(' | '), 'harness');
	}

	async #simulate(): Promise<void> {
		const { simulate: name } = this.cell;
		if (name === null) return;
		const description = simulations[name];
		if (description === undefined) throw new VpmuError(`no simulation '${name}'`, { blame: 'harness' });
		const { facts, shim: shimPath } = this.lease;
		const simulation = this.#owned.use(await simulate(this.host, description, { facts, shimPath }));
		this.#facts = simulation.facts;
		this.#wrapper = simulation.wrapper;
	}

	/**
	 * The finding that explains why the posted code's outcome is not the specified one, when what was seen is just what
	 * that code comes to; `undefined` when it is not.
	 */
	#finding(options: JudgeOptions): string | undefined {
		const { start } = this.#observations;
		for (const posted of postedStarts(this.#facts, this.#settings!)) {
			const [finding] = posted.findings;
			if (finding === undefined) continue;
			const seen = posted.ends
				? start?.state === 'exited' && start.signal !== null
				: judge(posted.prediction, this.#observations, options).agrees;
			if (seen) return `finding ${finding}: ${findings[finding as FindingId]}`;
		}
		return undefined;
	}

	#predict(options: BootOptions): void {
		const { cell, lease } = this;
		const type = lease.inspection.machines.find(one => one.name === cell.machine || one.alias === cell.machine);
		const pmu = cell.pmu === null ? undefined : resolvePmu(cell.pmu, this.#facts);
		this.#settings = {
			machine: type?.name ?? cell.machine,
			accel: cell.accel,
			cpu: cell.cpu,
			vcpus: cell.vcpus,
			...(pmu === undefined ? {} : { pmu }),
			...(cell.backcompatPmu === null ? {} : { backcompatPmu: cell.backcompatPmu }),
			...(cell.cpuPmu === null ? {} : { cpuPmu: cell.cpuPmu }),
			...(options.affinity === undefined ? {} : { affinity: options.affinity }),
			qemu: {
				hasPmuChoice: lease.inspection.pmuChoice.has === true,
				version: lease.qemu.version,
				...(typeof type?.backcompatPmu === 'boolean' ? { machineBackcompatPmu: type.backcompatPmu } : {}),
			},
		};
		this.#prediction = predictBackend(this.#facts, this.#settings);
	}

	async #start(options: BootOptions, base: Partial<MachineSpec>): Promise<Machine> {
		this.#predict(options);
		const { cell, lease } = this;
		const pmu = this.#settings?.pmu;
		const pinned = options.affinity === undefined ? [] : ['taskset', '-c', options.affinity];
		const spec: MachineSpec = {
			qemu: { command: [...this.#wrapper, ...pinned, ...lease.qemu.command] },
			machine: cell.machine,
			machineProperties: { 'gic-version': 3 },
			accel: cell.accel,
			accelProperties: {
				...(pmu === undefined ? {} : { pmu }),
				...(cell.backcompatPmu === null ? {} : { 'backcompat-pmu': cell.backcompatPmu }),
			},
			cpu: cell.cpu,
			...(cell.cpuPmu === null ? {} : { cpuProperties: { pmu: cell.cpuPmu } }),
			vcpus: cell.vcpus,
			memoryMiB: 256,
			...(cell.accel === 'kvm' ? { trace: ['kvm_arm_set_pmu*'] } : {}),
			...base,
			...options.spec,
		};
		try {
			const machine = this.#owned.use(
				await startMachine(this.host, spec, { artifacts: lease.artifacts, timeoutMs: 30_000 * lease.slowness }),
			);
			this.#machine = machine;
			this.observe({ start: { state: 'running' } });
			return machine;
		} catch (error) {
			if (error instanceof QemuError && error.failure === 'exited' && error.exit !== null) {
				this.observe({ start: { state: 'exited', ...error.exit, stderr: error.evidence.join('\n') } });
				if (this.prediction.backend === 'error') throw new AsPredicted('QEMU refused to start', { cause: error });
			}
			throw error;
		}
	}

	#result(
		status: CellResult['status'],
		reason: string | null,
		blame: CellResult['blame'],
		verdict?: Verdict,
	): CellResult {
		const { cell } = this;
		const lease: Lease | undefined = this.lease;
		const prediction = this.#prediction;
		const timings = this.#machine?.timings;
		const view = (from: Prediction): BackendView & { rule: string } => ({
			backend: from.backend,
			rule: from.rule,
			...(from.type === undefined ? {} : { type: from.type }),
			...(from.name === undefined ? {} : { name: from.name }),
		});
		return {
			id: cell.id,
			case: cell.case,
			status,
			reason,
			blame,
			on: { host: cell.on, topology: cell.topology, kernel: lease?.facts.kernel.release ?? null },
			qemu: {
				version: lease?.qemu.version ?? null,
				path: cell.qemu,
				hasPmuChoice: lease?.inspection.pmuChoice.has ?? null,
			},
			accel: cell.accel,
			machine: cell.machine,
			pmu: this.#settings?.pmu ?? cell.pmu,
			cpuPmu: cell.cpuPmu,
			simulated: this.#facts?.simulated ?? [],
			predicted: prediction === undefined ? null : view(prediction),
			observed: verdict?.observed ?? null,
			perf: this.#readings.map(one => one.perf),
			timings: {
				spawnMs: timings?.spawnMs ?? null,
				greetingMs: timings?.greetingMs ?? null,
				shellMs: timings?.shellMs ?? null,
				totalMs: Math.round(performance.now() - this.#startedAt),
			},
			artifacts: Object.fromEntries(
				Object.entries(this.#machine?.artifacts ?? {}).map(([name, file]) => [
					name,
					path.isAbsolute(file) ? path.posix.join(RunFolder.cellFolder(cell.id), path.basename(file)) : file,
				]),
			),
		};
	}
}
