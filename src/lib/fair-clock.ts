import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** More is not waited for: every wait ends. */
const mostContention = 30;
const keptMs = 500;

const cpuCount = Math.max(1, cpus().length);
let kept = { atMs: Number.NEGATIVE_INFINITY, value: 1 };

/**
 * How many tasks share each CPU of this machine, now or in the last minute, rounded up: 1 where there is a CPU for each, 3 where
 * six want to run on two. What is waited for takes so many times longer. From /proc/loadavg (proc(5)), read twice a second at
 * most.
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

/** The contention that a line of /proc/loadavg shows, such as `3.64 4.33 3.03 4/158 22128`, on so many CPUs. Pure. */
export function contentionOf(line: string, cpuCount: number): number {
	const [minute = '', , , tasks = ''] = line.split(' ');
	// Whoever reads it runs.
	const running = Number(tasks.split('/')[0]) - 1;
	const load = Math.max(Number(minute) || 0, running || 0);
	return Math.min(mostContention, Math.max(1, Math.ceil(load / cpuCount)));
}

export interface FairClockOptions {
	/** More time than this between two looks did not pass for anybody: this process stood still. */
	readonly longestStepMs: number;
	/** Milliseconds of a steady clock; `performance.now` unless given. */
	readonly now?: () => number;
	/** How many tasks share a CPU; {@link contention} unless given. */
	readonly share?: () => number;
}

/**
 * A clock for judging others: it stands still while this process does (stopped, starved or busy), and is slower the more
 * tasks share this machine. What is late by this clock is late on its own account. Must be looked at regularly.
 */
export class FairClock {
	readonly #options: Required<FairClockOptions>;
	#lastMs: number;
	#fairMs = 0;

	constructor({ now = () => performance.now(), share = contention, longestStepMs }: FairClockOptions) {
		this.#options = { now, share, longestStepMs };
		this.#lastMs = now();
	}

	/** Takes note of the time since the last look. @returns fair milliseconds since the clock was made */
	look(): number {
		const { now, share, longestStepMs } = this.#options;
		const at = now();
		this.#fairMs += Math.min(at - this.#lastMs, longestStepMs) / Math.max(1, share());
		this.#lastMs = at;
		return this.#fairMs;
	}
}

/** For how long something has shown no sign of life, by a {@link FairClock} that is looked at regularly. */
export class Silence {
	readonly #clock: FairClock;
	#sign: unknown;
	#since: number;

	/** @param sign the first one, see {@link lengthMs} */
	constructor(clock: FairClock, sign?: unknown) {
		this.#clock = clock;
		this.#sign = sign;
		this.#since = clock.look();
	}

	/** @param sign anything that changes with each sign of life, such as its time. @returns fair milliseconds without a change */
	lengthMs(sign: unknown): number {
		const now = this.#clock.look();
		if (sign !== this.#sign) {
			this.#sign = sign;
			this.#since = now;
		}
		return now - this.#since;
	}
}
