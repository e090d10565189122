import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FairClock, type FairClockOptions, Silence } from '../../src/lib/index.ts';

export interface WatchdogOptions {
	/** Called once for a cell of which nothing was heard for too long. */
	readonly onSilence: (cell: string, silentMs: number) => void;
	/** How often to look. */
	readonly everyMs?: number;
	/** What silence is measured by, where it is not this machine's own clock and load: for tests. */
	readonly clock?: Partial<FairClockOptions>;
}

interface Watched {
	readonly folder: string;
	readonly limitMs: number;
	readonly silence: Silence;
	/** How many signs of life there were. */
	signs: number;
	size: number;
	paused: number;
}

/**
 * Notices cells that make no progress, whatever they wait for: nothing is added to their QMP, console and perf records,
 * and no word comes from their worker. Commands have deadlines of their own; this is for what those cannot see, such as
 * a case that loops or a worker that was stopped. Silence is measured by a {@link FairClock}: what a busy machine holds up is
 * not silent.
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

	/** A word of the cell came. */
	heard(cell: string): void {
		const watched = this.#cells.get(cell);
		if (watched !== undefined) watched.signs++;
	}

	/** While held, the cell waits for something that is not its own. */
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

	/** Looks at all cells once, as it does by itself. */
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

/** Bytes of the files of a cell; earlier attempts, in folders of their own, do not grow. */
function sizeOf(folder: string): number {
	let bytes = 0;
	try {
		for (const entry of readdirSync(folder, { withFileTypes: true })) {
			if (entry.isFile()) bytes += statSync(path.join(folder, entry.name)).size;
		}
	} catch {
		// A file that goes while it is looked at: the next look sees the difference.
	}
	return bytes;
}
