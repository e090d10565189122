import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FairClock, type FairClockOptions, Silence } from '../../../src/lib/index.ts';

export interface WatchdogOptions {
	/** Called once for a cell that has been silent for too long. */
	readonly onSilence: (cell: string, silentMs: number) => void;
	/** Interval between checks. */
	readonly everyMs?: number;
	/** For tests: replaces this machine's clock and load. */
	readonly clock?: Partial<FairClockOptions>;
}

interface Watched {
	readonly folder: string;
	readonly limitMs: number;
	readonly silence: Silence;
	/** Number of signs of life so far. */
	signs: number;
	size: number;
	paused: number;
}

/**
 * Notices cells that make no progress: nothing is added to their QMP, console and perf records, and their worker sends
 * nothing. Commands have deadlines of their own; this catches the rest, such as a case that loops or a stopped worker.
 * Silence is measured by a {@link FairClock}, which leaves out delays of a busy machine.
 */
export class Watchdog implements Disposable {
	readonly #options: WatchdogOptions;
	readonly #cells = new Map<string, Watched>();
	readonly #timer: NodeJS.Timeout;
	readonly #clock: FairClock;

	constructor(options: WatchdogOptions) {
		this.#options = options;
		const { everyMs = 1000, clock } = options;
		this.#clock = new FairClock({ longestStepMs: 5 * everyMs, ...clock });
		this.#timer = setInterval(() => this.look(), everyMs).unref();
	}

	/** Watches a cell whose records go to `folder`, until disposed of. */
	watch(cell: string, folder: string, limitMs: number): Disposable {
		const watched = {
			folder,
			limitMs,
			size: sizeOf(folder),
			signs: 0,
			paused: 0,
			silence: new Silence(this.#clock, 0),
		};
		this.#cells.set(cell, watched);
		return {
			[Symbol.dispose]: () => {
				if (this.#cells.get(cell) === watched) this.#cells.delete(cell);
			},
		};
	}

	/** Notes a message from the cell. */
	heard(cell: string): void {
		const watched = this.#cells.get(cell);
		if (watched !== undefined) watched.signs++;
	}

	/** While held, the cell waits for something outside it. */
	pause(cell: string): Disposable {
		const watched = this.#cells.get(cell);
		if (watched !== undefined) watched.paused++;
		return {
			[Symbol.dispose]: () => {
				if (watched === undefined) return;
				watched.paused--;
				watched.signs++;
			},
		};
	}

	[Symbol.dispose](): void {
		clearInterval(this.#timer);
		this.#cells.clear();
	}

	/** Checks all cells once; also done at each interval. */
	look(): void {
		for (const [cell, watched] of this.#cells) {
			const size = sizeOf(watched.folder);
			if (size !== watched.size || watched.paused > 0) watched.signs++;
			watched.size = size;
			const silentMs = watched.silence.lengthMs(watched.signs);
			if (silentMs <= watched.limitMs) continue;
			this.#cells.delete(cell);
			this.#options.onSilence(cell, silentMs);
		}
	}
}

/** Size of a cell's files in bytes, without the folders of earlier attempts, which do not grow. */
function sizeOf(folder: string): number {
	let bytes = 0;
	try {
		for (const entry of readdirSync(folder, { withFileTypes: true })) {
			if (entry.isFile()) bytes += statSync(path.join(folder, entry.name)).size;
		}
	} catch {
		// If a file is removed meanwhile, the next check sees the difference.
	}
	return bytes;
}
