import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { GuestError, type GuestShell, type PerfStatRun, runPerfStat } from '../../../src/guest/index.ts';
import type { Host } from '../../../src/host/index.ts';
import { contention, poll, shorten, VpmuError } from '../../../src/lib/index.ts';
import type { GuestObservation, GuestReading, GuestSystem } from '../../../src/pmu/index.ts';
import { type Machine, pinThread, type VcpuDiagnosis, vcpuThreads } from '../../../src/qemu/index.ts';
import type { MovedCount } from '../../../src/run/index.ts';
import type { Lease } from '../../protocol/lease.ts';
import { isPlausible, least, readingOf } from './reading.ts';

export interface CountOptions {
	/** Host CPUs (list format) to which every vCPU thread is pinned while counting; not pinned if absent. */
	readonly pinned?: string;
	/** What to count. Default: the loop workload, once and with twice the work. */
	readonly command?: readonly string[];
	/** Iterations of the loop workload. */
	readonly iterations?: number;
	/** The vCPU to work on; any if absent. */
	readonly vcpu?: number;
}

/**
 * Iterations of the default workload, some 180 million cycles: enough to outweigh exec and page faults of a nested
 * guest.
 */
const defaultIterations = 100_000_000;

/** How often a count is repeated before a wrong ratio of N and 2N is believed. */
const attempts = 8;

/** Characters of perf's output that are kept. */
const mostTexts = 1 << 20;

/** Interval at which a vCPU is checked while a count runs. */
const refusalLookEveryMs = 2000;

/** What a guest needs from its cell. */
export interface GuestCell {
	readonly host: Host;
	readonly lease: Pick<Lease, 'slowness' | 'artifacts' | 'countAlone'>;
	/** Host CPUs (list format) on which the vCPUs can run; empty if none is known. */
	readonly runnableCpus: string;
	/** By which event the guest's Linux counts cycles. */
	readonly cyclesEvent: 'cycles' | 'r11';
	addReading(reading: GuestReading, samples?: readonly GuestReading[]): void;
	addMoved(moved: MovedCount): void;
	/** The kernel of a guest is about to end with all that it has logged. */
	kernelEnds(guest: Guest): Promise<void>;
	/** vCPUs are kept from running on purpose. */
	holdUp(why: string): void;
}

/** A running guest of a cell. Its answers are observations, judged at the end. */
export class Guest {
	readonly machine: Machine;
	readonly #cell: GuestCell;
	#texts = '';
	/** The vCPUs were last moved to CPUs where KVM refuses to run them. */
	#isRefused = false;

	constructor(cell: GuestCell, machine: Machine) {
		this.#cell = cell;
		this.machine = machine;
	}

	get shell(): GuestShell {
		return this.machine.shell;
	}

	/**
	 * Scales a deadline: deadlines are written for a typical idle machine; the factor reflects the cell's host and its
	 * current load.
	 */
	get slowness(): number {
		return this.#cell.lease.slowness * contention();
	}

	/** Waits for the guest's shell. @throws GuestError, QemuError, DeadlineError */
	async ready(): Promise<void> {
		await this.machine.shell.ready({ timeoutMs: 90_000 * this.slowness });
	}

	/** Reads what the guest's kernel reports about its PMU. */
	async look(): Promise<GuestObservation> {
		await this.ready();
		const fields = await this.fields(
			`test -d /proc/device-tree/pmu && echo node=yes || echo node=no
			echo "sources=$(ls /sys/bus/event_source/devices | tr '\\n' ' ')"
			echo "counters=$(dmesg | sed -n 's/.*PMU driver, \\([0-9]*\\)[^0-9].*counters available.*/\\1/p' | head -n 1)"`,
		);
		return {
			pmuNode: fields.node === 'yes',
			eventSources: (fields.sources ?? '').trim().split(/\s+/).filter(Boolean),
			counters: fields.counters ? Number(fields.counters) : null,
			readings: [],
		};
	}

	/** The event that counts what `cycles` stands for in this guest: where Linux has no `cycles`, the raw event. */
	eventFor(event: string): string {
		return event.replace(/^cycles(?=$|:)/, this.#cell.cyclesEvent);
	}

	/**
	 * Runs `perf stat` in the guest on a known amount of work, then on twice as much, and keeps the readings. A vCPU
	 * that makes no progress is a reading too (`stuck`), once KVM is seen refusing to run it. Where the guest's Linux has no event
	 * `cycles`, raw `r11` is counted in its place, and `cycles` is read as well, to be judged.
	 */
	async count(asked: readonly string[], options: CountOptions = {}): Promise<readonly GuestReading[]> {
		const named = asked.map(event => this.eventFor(event));
		const events = named.every((event, index) => event === asked[index]) ? named : [...named, 'cycles'];
		if (options.pinned !== undefined) await this.moveVcpus(options.pinned);
		const { iterations = defaultIterations, pinned = null, vcpu, command } = options;
		const bound = vcpu === undefined ? [] : ['taskset', (1 << vcpu).toString(16)];
		const loop = (turns: number) => [...bound, '/vpmu/workload', 'loop', String(turns)];
		await using _alone = await this.#cell.lease.countAlone?.();
		let readings: GuestReading[] = [];
		const samples: GuestReading[][] = [];
		// What disturbs an emulated host only ever adds to a count, so that the least of several is the truest.
		for (let attempt = 0; attempt < attempts; attempt++) {
			// 2N first: the one-off cost of a program's first run on an emulated host is small beside it.
			const second = command === undefined ? await this.#perf(events, loop(2 * iterations), pinned) : undefined;
			const isStuck = command === undefined && second === undefined;
			const first = isStuck ? undefined : await this.#perf(events, command ?? loop(iterations), pinned);
			const turns = command === undefined ? iterations : undefined;
			const taken = events.map((event, index) => readingOf({ event, index, pinned, vcpu, turns }, first, second));
			samples.push(taken);
			readings = attempt === 0 ? taken : taken.map((reading, index) => least(reading, readings[index]!));
			if (readings.every(isPlausible)) break;
		}
		readings.forEach(
			(reading, index) =>
				void this.#cell.addReading(
					reading,
					samples.map(taken => taken[index]!),
				),
		);
		return readings.slice(0, asked.length);
	}

	/**
	 * Reads what the guest's kernel found of its machine; `undefined` for a guest that cannot say (no device tree, no
	 * such files).
	 */
	async system(): Promise<GuestSystem | undefined> {
		const { online, consoles, memory } = await this.fields(
			`echo "online=$(cat /sys/devices/system/cpu/online)"
			echo "consoles=$(cat /sys/class/tty/console/active)"
			echo "memory=$(cat /proc/device-tree/memory*/reg | od -An -v -tx1 | tr -d ' \\n')"`,
		);
		if (!online || !consoles || !memory) return undefined;
		return { online, memoryBytes: sizeInDeviceTree(memory), consoles: consoles.split(/\s+/).filter(Boolean) };
	}

	/**
	 * Reads everything that the guest's kernel has logged since boot, oldest line first, with levels; `undefined` for a
	 * guest that cannot show it. Moves a guest whose vCPUs cannot run to CPUs where they can.
	 */
	async kernelLog(timeoutMs?: number): Promise<readonly string[] | undefined> {
		if (this.#isRefused) await this.moveVcpus(this.#cell.runnableCpus);
		// Compress it: most of the text repeats, and each character takes time on a serial console.
		const packed = await this.run(`dmesg >/dev/null 2>&1 || exit 0; dmesg -r | gzip -c`, timeoutMs);
		return packed.length === 0 ? undefined : gunzipSync(packed).toString('utf8').trimEnd().split('\n');
	}

	/** Whether the guest's vCPUs cannot run where they are, and there are no CPUs to move them to. */
	get isLost(): boolean {
		return this.#isRefused && this.#cell.runnableCpus === '';
	}

	/** Pins every vCPU thread to host CPUs (list format), by the thread ids of `query-cpus-fast`. */
	async moveVcpus(hostCpus: string): Promise<void> {
		this.#isRefused = false;
		for (const { threadId } of await vcpuThreads(this.machine.qmp)) {
			await pinThread(this.#cell.host, threadId, hostCpus);
		}
	}

	/**
	 * Waits until KVM is seen refusing to run a vCPU, and returns the first such vCPU. @throws DeadlineError if all can
	 * run
	 */
	async refusedVcpu(timeoutMs = 60_000): Promise<VcpuDiagnosis> {
		const found = await poll(
			'a vCPU that KVM refuses to run',
			async () => (await this.machine.diagnoseVcpus()).find(vcpu => vcpu.verdict === 'cannot-enter'),
			{ timeoutMs: timeoutMs * this.slowness, everyMs: 100 },
		);
		this.#refusedBy(found);
		return found;
	}

	/** Restarts the guest and waits for its shell; whatever ran in it is gone. */
	async restart(how: () => Promise<unknown>): Promise<void> {
		const before = await this.run('cat /proc/sys/kernel/random/boot_id');
		await this.#cell.kernelEnds(this);
		await how();
		// Until then the old kernel may still answer.
		await poll(
			'the restart of the guest',
			async () => {
				await this.machine.reopenShell();
				try {
					await this.ready();
					return (await this.run('cat /proc/sys/kernel/random/boot_id')).equals(before) ? undefined : true;
				} catch (error) {
					// The guest went down before it could answer.
					if (error instanceof GuestError && error.kind !== 'panic') return undefined;
					throw error;
				}
			},
			{ timeoutMs: 120_000 * this.slowness, everyMs: 500 },
		);
	}

	/** Runs a script in the guest that must succeed, and parses the `name=value` lines that it prints. */
	async fields(script: string, timeoutMs?: number): Promise<Readonly<Record<string, string>>> {
		const lines = (await this.run(script, timeoutMs)).toString().trim().split('\n');
		return Object.fromEntries(
			lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
		);
	}

	/**
	 * Runs a script in the guest that must succeed, and returns its output. @throws VpmuError blame `guest` if it fails
	 */
	async run(script: string, timeoutMs = 20_000): Promise<Buffer> {
		const running = this.shell.run(script, { timeoutMs: timeoutMs * this.slowness });
		const result = await this.machine.orDeath('a command ran', running);
		if (result.status !== 0) {
			throw new VpmuError(`a command in the guest ended with ${result.status ?? result.signal}: ${script}`, {
				blame: 'guest',
				evidence: result.stderr.toString().split('\n'),
			});
		}
		return result.stdout;
	}

	/** Keeps counts over time. */
	keepMoved(moved: MovedCount): void {
		this.#cell.addMoved(moved);
	}

	/** Adds to the cell's `perf.txt`. */
	keep(heading: string, text: string): void {
		if (this.#texts.length > mostTexts) return;
		this.#texts += `# ${shorten(heading)}\n${shorten(text, mostTexts)}\n`;
		writeFileSync(path.join(this.#cell.lease.artifacts, 'perf.txt'), this.#texts);
	}

	#refusedBy({ text }: VcpuDiagnosis): void {
		this.#isRefused = true;
		this.#cell.holdUp(`a vCPU could not run for a while (${text})`);
	}

	async #perf(
		events: readonly string[],
		command: readonly string[],
		pinned: string | null,
	): Promise<PerfStatRun | undefined> {
		const heading = `pinned ${pinned ?? 'nowhere'}: ${command.join(' ')}`;
		const ended = new AbortController();
		try {
			const limits = { signal: ended.signal, timeoutMs: 60_000 * this.slowness };
			const counting = runPerfStat(this.shell, { events: [...events], command: [...command], ...limits });
			counting.catch(() => undefined);
			const refused = this.#refused(ended.signal);
			const run = await this.machine.orDeath('perf counted', Promise.race([counting, refused]));
			if ('entries' in run) {
				this.keep(heading, run.text);
				return run;
			}
			this.keep(heading, run.text);
			return undefined;
		} finally {
			ended.abort(new Error('the count is over'));
		}
	}

	/** Resolves when KVM has been seen twice refusing to run a vCPU during a long operation; otherwise never. */
	async #refused(signal: AbortSignal): Promise<{ readonly text: string }> {
		let before = false;
		for (;;) {
			await delay(refusalLookEveryMs, undefined, { signal }).catch(() => undefined);
			if (signal.aborted) return await new Promise(() => undefined);
			// Errors of the check itself do not matter: the end of QEMU is reported elsewhere.
			const vcpus = await this.machine.diagnoseVcpus().catch(() => []);
			const refused = vcpus.find(vcpu => vcpu.verdict === 'cannot-enter');
			if (refused !== undefined && before) {
				this.#refusedBy(refused);
				return { text: refused.text };
			}
			before = refused !== undefined;
		}
	}
}

/** Sums the sizes in the `reg` of memory nodes, given in hexadecimal: pairs of address and size, 64 bits each. */
function sizeInDeviceTree(hex: string): number {
	const regions = hex.match(/[0-9a-f]{32}/g) ?? [];
	return regions.reduce((sum, region) => sum + Number.parseInt(region.slice(16), 16), 0);
}
