import type { DeviceTree } from '../../src/board/index.ts';
import type { Connections, Host } from '../../src/host/index.ts';
import { cyclesEvent, type HostFacts, type JudgeOptions, kernelFindings } from '../../src/pmu/index.ts';
import { type Machine, type MachineSpec, QemuError } from '../../src/qemu/index.ts';
import { describePeerDeath, QmpError } from '../../src/qmp/index.ts';
import type { CellResult } from '../../src/run/index.ts';
import type { Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import type { Lease } from '../protocol/lease.ts';
import { type CellRecord, CellSkipped } from '../protocol/outcome.ts';
import { conclude } from './conclusion.ts';
import { Guest } from './guest/guest.ts';
import { countOnHost, type HostCount } from './guest/host-side.ts';
import { KernelWatch } from './kernels/watch.ts';
import { lacksHere } from './lacks.ts';
import { askMachine, askQmp, dumpDeviceTree, readPmuTrace } from './observe/observe.ts';
import { Witness } from './observe/witness.ts';
import { CellPlace } from './place.ts';
import { writeRepro } from './repro.ts';
import { CellMachines } from './start/machines.ts';
import { askedOf, machineTypeOf } from './start/settings.ts';
import { type BesideOptions, bootable, type StartOptions } from './start/spec.ts';
import { stayOf } from './start/stay.ts';

/** Ends a body early because the predicted outcome was seen: QEMU refused to start. */
class AsPredicted extends Error {
	override readonly name = 'AsPredicted';
}

/** What else is known about a cell's case. */
export interface SessionOptions {
	/** The folder of the user's own cases that it is in; `null` (default) for a case that vpmu ships. */
	readonly casesFolder?: string | null;
	/** Whether the case is about a PMU (default), so that it is predicted, observed in all layers, and judged. */
	readonly isJudged?: boolean;
	/** Where the cell takes its connection to the host from. */
	readonly connections: Connections;
}

/** A running cell. A case sees it through its context (context.ts). */
export class CellSession extends Witness {
	readonly cell: Cell;
	readonly lease: Lease;
	/** The cell's host as seen by QEMU, and what must be chosen there. */
	readonly place: CellPlace;
	/** Host CPUs that this cell is about, if not all of them. */
	requiredCpus: string | undefined;
	readonly #matrix: Matrix;
	readonly #casesFolder: string | null;
	readonly #isJudged: boolean;
	readonly #connections: Connections;
	readonly #owned = new AsyncDisposableStack();
	readonly #machines: CellMachines;
	readonly #startedAt = performance.now();
	#kernels: KernelWatch | undefined;
	#startMs: number | undefined;
	#failure: unknown;
	#zeroBoot = false;
	/** Host CPUs that the guests of a case are bound to that names none. */
	#stay: string | undefined;
	/** The case has ended the machine itself or seen it die, so it cannot be asked any more. */
	#isStopped = false;
	#isSettled = false;
	/** The connection and the simulation work. */
	#isPrepared = false;

	constructor(
		cell: Cell,
		lease: Lease,
		matrix: Matrix,
		{ casesFolder = null, isJudged = true, connections }: SessionOptions,
	) {
		super();
		this.cell = cell;
		this.lease = lease;
		this.place = new CellPlace(cell, lease);
		this.#matrix = matrix;
		this.#casesFolder = casesFolder;
		this.#isJudged = isJudged;
		this.#connections = connections;
		this.#machines = new CellMachines({
			...{ cell, lease, place: this.place },
			onStarted: async machine => await this.#kernels?.machineStarted(machine),
			onNote: note => this.note(note),
		});
	}

	/** Whether the cell could be prepared and did what its case demands: only then another one gets the same connection. */
	get #isSound(): boolean {
		return (
			this.#isPrepared && this.#failure === undefined && this.demandsUnmet.length === 0 && this.lease.keep !== true
		);
	}

	get host(): Host {
		return this.place.host;
	}

	/** The host's facts, simulated ones included. */
	get facts(): HostFacts {
		return this.place.facts;
	}

	/** Attaches to the host and decides whether the cell can run there. @throws CellSkipped */
	async prepare(): Promise<void> {
		const { cell, lease } = this;
		writeRepro(cell, lease, this.#casesFolder);
		const host = await this.place.attach(this.#connections);
		this.#owned.defer(async () => await this.#connections.giveBack(host, { isSound: this.#isSound }));
		this.#kernels = new KernelWatch(this.host, lease);
		await this.#kernels.begin();
		// Dispose of the kernels last: they also watch how everything else ends.
		this.#owned.defer(async () => await this.#kernels?.end());
		this.#owned.use(await this.place.simulate());
		this.#owned.use(this.#machines);
		this.#isPrepared = true;
		const reason = lacksHere(this.#matrix, { cell, lease, facts: this.facts, host: this.host.name });
		if (reason !== undefined) throw new CellSkipped(reason);
		if (this.#isJudged) this.place.expectStart({});
		const further = this.#matrix.skip?.(this.place.known);
		if (further !== undefined) throw new CellSkipped(further);
	}

	/**
	 * Boots the cell's guest and observes it over QMP, in the trace and from inside. If the prediction is an error, a
	 * refusal by QEMU ends the body, since nothing more can be observed. @throws CellSkipped if it is not known what the
	 * guest's counters must do
	 */
	async boot(options: StartOptions = {}): Promise<Guest> {
		const machine = await this.#startOwn(this.#isJudged ? this.#placed(options) : options, bootable(this.lease));
		const guest = this.guestOf(machine);
		if (this.#isJudged) this.observe({ guest: await guest.look() });
		else await guest.ready();
		const system = await guest.system();
		if (system !== undefined) this.observe({ system });
		if (this.cyclesEvent === 'r11') this.note(`finding K1: ${kernelFindings.K1}`);
		await this.#observe(machine);
		return guest;
	}

	/**
	 * Starts QEMU with the vCPUs stopped and no kernel, and observes QMP, the trace and the device tree without the
	 * cost of a boot. May end the body, like {@link boot}.
	 */
	async startWithoutBoot(options: StartOptions = {}): Promise<Machine> {
		this.#zeroBoot = true;
		const machine = await this.#startOwn(options, { paused: true });
		await this.#observe(machine);
		if (this.#isJudged) await this.deviceTree(machine);
		return machine;
	}

	/** Starts QEMU like {@link startWithoutBoot}. Returns its stderr if it refused, `undefined` if it started. */
	async refusal(options: StartOptions = {}): Promise<string | undefined> {
		try {
			await this.startWithoutBoot(options);
			return undefined;
		} catch (error) {
			const { start } = this.observations;
			if (start?.state !== 'exited') throw error;
			return start.stderr;
		}
	}

	/**
	 * Starts a machine besides the cell's own, for example of the QEMU to compare with. The case judges it. Disposed of
	 * with the cell. @throws QemuError if it does not start
	 */
	async startBeside(options: BesideOptions = {}): Promise<Machine> {
		const affinity = options.affinity ?? (options.boot === true ? this.#stay : undefined);
		return await this.#machines.startBeside({ ...options, affinity });
	}

	/** Binds a guest to host CPUs on which its counters are predicted, if its case names none. @throws CellSkipped */
	#placed({ affinity = this.#stay, ...rest }: StartOptions): StartOptions {
		const { home, groups } = this.place;
		const stay = stayOf({
			...{ affinity, requiredCpus: this.requiredCpus, needsCounting: this.#matrix.needs?.counting },
			groups: [home, ...groups.filter(group => group !== home)],
			predict: cpus => this.place.predict({ ...rest, affinity: cpus }),
		});
		if ('lacks' in stay) throw new CellSkipped(stay.lacks);
		if (affinity === undefined && stay.affinity !== undefined) {
			this.#stay = stay.affinity;
			this.note(`QEMU was bound to host CPU ${stay.affinity}, because the host's CPUs have different PMUs`);
		}
		this.requiredCpus = stay.requiredCpus;
		return { ...rest, affinity: stay.affinity };
	}

	/** Returns a guest of {@link startBeside}. Of its answers, only counts are kept among the cell's readings. */
	guestOf(machine: Machine): Guest {
		const guest = new Guest(this, machine);
		this.#kernels?.add(guest);
		return guest;
	}

	get cyclesEvent(): 'cycles' | 'r11' {
		const { prediction } = this.place;
		return prediction === undefined ? 'cycles' : cyclesEvent(prediction);
	}

	/** Host CPUs (list format) on which a vCPU of the cell can run; empty if none is known. */
	get runnableCpus(): string {
		return this.place.runnableCpus;
	}

	/** Reads a guest's kernel log before that kernel ends. */
	async kernelEnds(guest: Guest): Promise<void> {
		await this.#kernels?.readGuest(guest);
	}

	/** Announces a kernel message that the case provokes: matching lines are noted with the reason. */
	expectTrouble(of: 'guest' | 'host', pattern: RegExp, reason: string): void {
		this.#kernels?.expectTrouble({ name: reason, of, pattern: pattern.source, reason });
	}

	/** Notes that vCPUs are kept from running on purpose, so that kernel messages about lost time are excused. */
	holdUp(why: string): void {
		this.#kernels?.holdUp(why);
	}

	/**
	 * Returns the device tree that QEMU made for the guest. That of the cell's own machine is also kept as an
	 * observation.
	 */
	async deviceTree(machine: Machine): Promise<DeviceTree> {
		const tree = await dumpDeviceTree(machine, this.host);
		if (machine === this.#machines.own) {
			this.observe({ deviceTree: { pmuNode: tree.root.children.some(node => node.name === 'pmu') } });
		}
		return tree;
	}

	/**
	 * Observes the cell's machine a last time and ends it; another may be started. Skips the observation of a machine
	 * that is no longer what was started, such as the source of a migration.
	 */
	async stop(machine: Machine, { look = true } = {}): Promise<void> {
		if (look) {
			await this.#kernels?.machineEnds(machine);
			await this.#observe(machine);
		}
		this.#isStopped = true;
		await machine.shutdown();
	}

	/** Counts on the host what a machine's vCPUs do. Disposed of with the cell. */
	async countOnHost(threadIds: readonly number[], events: readonly string[]): Promise<HostCount> {
		return this.#owned.use(await countOnHost(this.host, threadIds, events));
	}

	/**
	 * Asks something that QEMU must survive. Returns the answer; if QEMU died, records an unmet demand and returns
	 * `undefined`.
	 */
	async survives<T>(what: string, asking: Promise<T>): Promise<T | undefined> {
		try {
			return await asking;
		} catch (error) {
			if (!(error instanceof QmpError) || error.death === undefined) throw error;
			this.#isStopped = true;
			this.unmet(`QEMU must survive ${what}, but ${describePeerDeath(error.death)}`);
			return undefined;
		}
	}

	/** Records what the body threw. */
	bodyFailed(error: unknown): void {
		// Failed assertions of the case are already among the demands.
		const isAssertion = error instanceof Error && error.name === 'TestFailure';
		if (!isAssertion && !(error instanceof AsPredicted)) this.#failure = error;
	}

	/** Disposes of everything in the cell, in reverse order. Idempotent. */
	async close(): Promise<void> {
		if (this.#owned.disposed) return;
		await this.settle();
		await this.#owned.disposeAsync();
	}

	/** Observes the cell's machine for the last time. Idempotent. */
	async settle(): Promise<void> {
		if (this.#isSettled) return;
		this.#isSettled = true;
		const machine = this.#machines.own;
		await this.#kernels?.settle({ hasFailed: this.#failure !== undefined }).catch(error => {
			this.#failure ??= error;
		});
		// Conclude before the machine ends.
		if (this.lease.keep === true) await this.#kernels?.end();
		if (machine !== undefined && !this.#failure && !this.#isStopped && this.observations.start?.state === 'running') {
			// Last, since a QEMU that died of a question is noticed here.
			await this.#observe(machine).catch(error => {
				this.#failure ??= error;
			});
		}
	}

	/** Leaves the cell's machine running, reachable from this machine, until it ends. */
	async keep(tell: Parameters<CellMachines['keep']>[0]): Promise<void> {
		await this.#machines.keep(tell);
	}

	/** Computes the result, after the body has ended and everything is closed. */
	conclude(): CellResult {
		return conclude(this.record);
	}

	get record(): CellRecord {
		const { settings, prediction } = this.place;
		const machine = this.#machines.own;
		const unexpected = machine && { events: machine.unexpectedEvents, stderr: machine.process.unexplainedStderr };
		return {
			cell: this.cell,
			lease: this.lease,
			known: this.#isJudged && prediction === undefined ? undefined : this.place.known,
			isJudged: this.#isJudged,
			matrix: this.#matrix,
			facts: this.facts,
			settings,
			prediction,
			observations: {
				...this.observations,
				...this.#kernels?.observed,
				...(unexpected === undefined ? {} : { unexpected }),
			},
			judging: this.#judging,
			unmet: this.demandsUnmet,
			failure: this.#failure,
			perf: this.perfReadings,
			moved: this.moved,
			timings: machine?.timings,
			startMs: this.#startMs,
			artifacts: { ...machine?.artifacts, ...this.#kernels?.files, ...this.attached },
			notes: this.notes,
			totalMs: performance.now() - this.#startedAt,
		};
	}

	get #judging(): JudgeOptions {
		const machine = this.#machines.own;
		return {
			...(this.#zeroBoot ? { booted: false, runState: 'prelaunch' } : {}),
			...(this.requiredCpus === undefined ? {} : { hostCpus: this.requiredCpus }),
			...(this.#isJudged ? {} : { lenient: true }),
			...(machine === undefined ? {} : { asked: askedOf(machine.spec, this.lease) }),
		};
	}

	async #observe(machine: Machine): Promise<void> {
		const { cell, lease } = this;
		// A guest of a case that is not about a PMU may have powered off on purpose.
		if (!this.#isJudged && machine.process.exit?.status === 0) return;
		this.observe({ machine: await askMachine(machine) });
		if (!this.#isJudged) return;
		const { evidence } = lease.inspection.pmuChoice;
		const known = evidence.some(one => one.way === 'trace-event' && one.has === true);
		this.observe({ qmp: await askQmp(machine, machineTypeOf(cell.machine, lease)?.backcompatPmu as boolean) });
		this.observe({ trace: await readPmuTrace(machine, known) });
	}

	async #startOwn(options: StartOptions, base: Partial<MachineSpec>): Promise<Machine> {
		if (this.#isJudged) this.place.expectStart(options);
		this.#isStopped = false;
		this.#startMs = performance.now() - this.#startedAt;
		try {
			const machine = await this.#machines.startOwn(options, base);
			this.observe({ start: { state: 'running' } });
			await this.#machines.offerTerminals();
			return machine;
		} catch (error) {
			// A QEMU that the host could not run, or that was killed from outside, says nothing of QEMU.
			const isOfQemu = error instanceof QemuError && error.blame !== 'host' && error.blame !== 'user';
			if (isOfQemu && error.exit !== null) {
				this.observe({ start: { state: 'exited', ...error.exit, stderr: error.evidence.join('\n') } });
				const isPredicted = this.place.prediction?.backend === 'error';
				if (isPredicted) throw new AsPredicted('QEMU refused to start', { cause: error });
			}
			throw error;
		}
	}
}
