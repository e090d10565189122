import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
	DeadlineError,
	GuestError,
	type GuestReading,
	type GuestShell,
	type Machine,
	type PerfStatEntry,
	type PerfStatRun,
	pinThread,
	runPerfStat,
	VpmuError,
	vcpuThreads,
} from '../src/index.ts';
import type { CellSession } from './cell.ts';

export interface CountOptions {
	/** Host CPUs (list format) to pin every vCPU thread to while counting; free when absent. */
	readonly pinned?: string;
	/** What to count. Default: the loop workload, once and with twice the work. */
	readonly command?: readonly string[];
	/** Iterations of the loop workload. */
	readonly iterations?: number;
	/** The vCPU to work on; any when absent. */
	readonly vcpu?: number;
}

/** Iterations of the default workload: enough to outweigh exec and page faults of a nested guest, some 180 million cycles there. */
const defaultIterations = 100_000_000;

/** A running guest of a cell. What it is asked is observed, and judged at the end. */
export class Guest {
	readonly machine: Machine;
	readonly #session: CellSession;
	#texts = '';

	constructor(session: CellSession, machine: Machine) {
		this.#session = session;
		this.machine = machine;
	}

	get shell(): GuestShell {
		return this.machine.shell;
	}

	/** Looks at the guest's PMU from inside and at QEMU from outside. */
	async observe(): Promise<void> {
		const { machine } = this;
		const { slowness } = this.#session.lease;
		await machine.shell.ready({ timeoutMs: 90_000 * slowness });
		const { stdout } = await this.#run(
			`test -d /proc/device-tree/pmu && echo node=yes || echo node=no
			echo "sources=$(ls /sys/bus/event_source/devices | tr '\\n' ' ')"
			echo "counters=$(dmesg | sed -n 's/.*PMU driver, \\([0-9]*\\)[^0-9].*counters available.*/\\1/p' | head -n 1)"`,
		);
		const fields = Object.fromEntries(
			stdout
				.toString()
				.trim()
				.split('\n')
				.map(line => line.split('=', 2) as [string, string]),
		);
		this.#session.observe({
			guest: {
				pmuNode: fields.node === 'yes',
				eventSources: (fields.sources ?? '').trim().split(/\s+/).filter(Boolean),
				counters: fields.counters ? Number(fields.counters) : null,
				readings: [],
			},
		});
		await this.#session.observeQmp(machine);
		await this.#session.observeTrace(machine);
	}

	/**
	 * Runs `perf stat` in the guest on a known amount of work, then on twice as much, and keeps the readings. A vCPU
	 * that makes no progress is a reading too (`stuck`), once KVM is seen refusing to run it.
	 */
	async count(events: readonly string[], options: CountOptions = {}): Promise<readonly GuestReading[]> {
		if (options.pinned !== undefined) await this.moveVcpus(options.pinned);
		const { iterations = defaultIterations, pinned = null } = options;
		const once = options.command ?? ['/vpmu/workload', 'loop', String(iterations)];
		const twice = options.command === undefined ? ['/vpmu/workload', 'loop', String(2 * iterations)] : undefined;
		let readings: GuestReading[] = [];
		// What disturbs an emulated host only ever adds to a count, so that the least of several is the truest.
		for (let attempt = 0; attempt < attempts; attempt++) {
			// The larger one first: what the first run of a program costs an emulated host is small beside it.
			const second = twice === undefined ? undefined : await this.#perf(events, twice, pinned);
			const first = twice !== undefined && second === undefined ? undefined : await this.#perf(events, once, pinned);
			const taken = events.map(event => readingOf(event, first, second, pinned, options.vcpu));
			readings = attempt === 0 ? taken : taken.map((reading, index) => least(reading, readings[index]!));
			if (readings.every(isPlausible)) break;
		}
		for (const reading of readings) this.#session.addReading(reading);
		return readings;
	}

	/** Pins every vCPU thread to host CPUs (list format), by the thread ids of `query-cpus-fast`. */
	async moveVcpus(hostCpus: string): Promise<void> {
		for (const { threadId } of await vcpuThreads(this.machine.qmp)) {
			await pinThread(this.#session.host, threadId, hostCpus);
		}
	}

	async #perf(events: readonly string[], command: readonly string[], pinned: string | null) {
		const { slowness, artifacts } = this.#session.lease;
		try {
			const run = await this.machine.orDeath(
				'perf counted',
				runPerfStat(this.shell, { events: [...events], command: [...command], timeoutMs: 20_000 * slowness }),
			);
			this.#texts += `# pinned ${pinned ?? 'nowhere'}: ${command.join(' ')}\n${run.text}\n`;
			writeFileSync(path.join(artifacts, 'perf.txt'), this.#texts);
			return run;
		} catch (error) {
			const silent = error instanceof DeadlineError || (error instanceof GuestError && error.kind === 'hang');
			if (!silent) throw error;
			const stuck = (await this.machine.diagnoseVcpus()).filter(vcpu => vcpu.verdict === 'cannot-enter');
			if (stuck.length === 0) throw error;
			this.#texts += `# pinned ${pinned ?? 'nowhere'}: ${stuck.map(vcpu => vcpu.text).join('; ')}\n`;
			writeFileSync(path.join(artifacts, 'perf.txt'), this.#texts);
			return undefined;
		}
	}

	async #run(script: string) {
		const result = await this.machine.orDeath(
			'a command ran',
			this.shell.run(script, { timeoutMs: 20_000 * this.#session.lease.slowness }),
		);
		if (result.status !== 0) {
			throw new VpmuError(`a command in the guest ended with ${result.status ?? result.signal}: ${script}`, {
				blame: 'guest',
				evidence: result.stderr.toString().split('\n'),
			});
		}
		return result;
	}
}

/** How often a count is taken before it is believed that twice the work does not count twice. */
const attempts = 3;

function readingOf(
	event: string,
	first: PerfStatRun | undefined,
	second: PerfStatRun | undefined,
	pinned: string | null,
	vcpu: number | undefined,
): GuestReading {
	const onVcpu = vcpu === undefined ? {} : { vcpu };
	const named = (one: PerfStatEntry) => one.event === event || `${one.event}:${one.modifiers}` === event;
	const entry = first?.entries.find(named);
	if (entry === undefined) {
		return { event, state: 'stuck', count: null, runningPct: null, pinned, worked: false, ...onVcpu };
	}
	const double = second?.entries.find(named);
	return {
		event,
		state: entry.state,
		count: entry.count,
		runningPct: entry.runningPct,
		pinned,
		worked: first?.result.status === 0 && (second === undefined || second.result.status === 0),
		...(double === undefined ? {} : { doubledCount: double.count }),
		...onVcpu,
	};
}

/** The smaller counts of two readings of the same; a reading that is not a count is never replaced by one. */
function least(a: GuestReading, b: GuestReading): GuestReading {
	const smaller = (x: bigint | null | undefined, y: bigint | null | undefined) =>
		typeof x === 'bigint' && typeof y === 'bigint' ? (x < y ? x : y) : x;
	if (a.state !== 'counted' || b.state !== 'counted') return a.state === 'counted' ? b : a;
	return {
		...a,
		worked: a.worked && b.worked,
		count: smaller(a.count, b.count) ?? null,
		...(a.doubledCount === undefined ? {} : { doubledCount: smaller(a.doubledCount, b.doubledCount) ?? null }),
	};
}

/** Whether there is nothing that another attempt could clear up. */
function isPlausible({ count, doubledCount }: GuestReading): boolean {
	if (typeof doubledCount !== 'bigint' || typeof count !== 'bigint' || count === 0n) return true;
	const ratio = Number(doubledCount) / Number(count);
	return ratio > 1.4 && ratio < 3.3;
}
