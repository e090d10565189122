import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { poll, type WaitOptions } from '../lib/waiting/deadline.ts';

/** Between two looks. */
const intervalMs = 250;

/**
 * Measures how much of a CPU a process wants: the time that its threads ran or waited for a CPU (proc(5),
 * `/proc/PID/schedstat`) in relation to the time that passed. Unlike the time that it ran, this does not depend on other load.
 */
export class Demand {
	readonly #pid: number;
	#last: { readonly atMs: number; readonly wantedMs: number | undefined } | undefined;

	constructor(pid: number) {
		this.#pid = pid;
	}

	/** Returns the share since the last look, 1 for each CPU that was wanted; `undefined` at first, and if the kernel does not tell. */
	async look(): Promise<number | undefined> {
		const last = this.#last;
		const now = { atMs: performance.now(), wantedMs: await wantedMs(this.#pid) };
		this.#last = now;
		if (last?.wantedMs === undefined || now.wantedMs === undefined) return undefined;
		return Math.max(0, now.wantedMs - last.wantedMs) / Math.max(1, now.atMs - last.atMs);
	}
}

async function wantedMs(pid: number): Promise<number | undefined> {
	try {
		const threads = await readdir(`/proc/${pid}/task`);
		const texts = await Promise.all(threads.map(id => readFile(`/proc/${pid}/task/${id}/schedstat`, 'latin1')));
		return texts.map(text => text.split(' ').map(Number)).reduce((sum, [ran, waited]) => sum + ran! + waited!, 0) / 1e6;
	} catch {
		return undefined;
	}
}

/** When a process counts as idle. */
export interface Idleness {
	/** It uses or waits for less of a CPU than this. */
	readonly share: number;
	/** It did so at this many looks in a row, 0.25 s apart. */
	readonly looks: number;
	/** What it counts as if the kernel does not tell. */
	readonly unknown: 'idle' | 'busy';
}

/** Waits until a process is idle. @throws DeadlineError; the signal's reason */
export async function untilIdle(
	pid: number,
	{ share, looks, unknown }: Idleness,
	{ signal, timeoutMs }: WaitOptions,
): Promise<void> {
	const demand = new Demand(pid);
	let idle = 0;
	await demand.look();
	await delay(intervalMs, undefined, { signal });
	await poll(
		'the end of its work',
		async () => {
			const wanted = await demand.look();
			const isIdle = wanted === undefined ? unknown === 'idle' : wanted < share;
			idle = isIdle ? idle + 1 : 0;
			return idle >= looks || undefined;
		},
		{ signal, timeoutMs, everyMs: intervalMs },
	);
}
