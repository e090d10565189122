import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** Upper limit of the contention, so that every wait ends. */
const mostContention = 30;
const keptMs = 500;

const cpuCount = Math.max(1, cpus().length);
let kept = { atMs: Number.NEGATIVE_INFINITY, value: 1 };

/**
 * Returns how many tasks share each CPU of this machine, now or in the last minute, rounded up: 1 if each task has a CPU, 3
 * if six tasks share two CPUs. Multiply a timeout by this. Reads /proc/loadavg (proc(5)) at most twice a second.
 */
export function contention(): number {
	const now = performance.now();
	if (now - kept.atMs > keptMs) kept = { atMs: now, value: contentionOf(readLoad(), cpuCount) };
	return kept.value;
}

function readLoad(): string {
	try {
		return readFileSync('/proc/loadavg', 'latin1');
	} catch {
		return String(loadavg()[0]);
	}
}

/**
 * Computes the contention from a line of /proc/loadavg, such as `3.64 4.33 3.03 4/158 22128`, and the number of CPUs. Pure.
 */
export function contentionOf(line: string, cpuCount: number): number {
	const [minute = '', , , tasks = ''] = line.split(' ');
	// The reading process itself is running.
	const running = Number(tasks.split('/')[0]) - 1;
	const load = Math.max(Number(minute) || 0, running || 0);
	return Math.min(mostContention, Math.max(1, Math.ceil(load / cpuCount)));
}

export interface FairClockOptions {
	/** Maximum time that one look can add. More means that this process was stalled. */
	readonly longestStepMs: number;
	/** Monotonic clock in milliseconds. Default `performance.now`. */
	readonly now?: () => number;
	/** How many tasks share a CPU. Default {@link contention}. */
	readonly share?: () => number;
}

/**
 * A clock for timeouts of other processes. It stops while this process does (stopped, starved or busy), and runs slower the
 * more tasks share this machine. If something is late by this clock, the load is not the reason. Call `look` regularly.
 */
export class FairClock {
	readonly #options: Required<FairClockOptions>;
	#lastMs: number;
	#fairMs = 0;

	constructor({ now = () => performance.now(), share = contention, longestStepMs }: FairClockOptions) {
		this.#options = { now, share, longestStepMs };
		this.#lastMs = now();
	}

	/** Accounts for the time since the last look. @returns fair milliseconds since the clock was made */
	look(): number {
		const { now, share, longestStepMs } = this.#options;
		const at = now();
		this.#fairMs += Math.min(at - this.#lastMs, longestStepMs) / Math.max(1, share());
		this.#lastMs = at;
		return this.#fairMs;
	}
}

/** Measures how long something has shown no sign of life, with a {@link FairClock}. Call it regularly. */
export class Silence {
	readonly #clock: FairClock;
	#sign: unknown;
	#since: number;

	/** @param sign the first sign, see {@link lengthMs} */
	constructor(clock: FairClock, sign?: unknown) {
		this.#clock = clock;
		this.#sign = sign;
		this.#since = clock.look();
	}

	/**
	 * @param sign any value that changes with each sign of life, such as its time. @returns fair milliseconds without a change
	 */
	lengthMs(sign: unknown): number {
		const now = this.#clock.look();
		if (sign !== this.#sign) {
			this.#sign = sign;
			this.#since = now;
		}
		return now - this.#since;
	}
}
