import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

export interface WatchdogOptions {
	/** Called once for a cell of which nothing was heard for too long. */
	readonly onSilence: (cell: string, silentMs: number) => void;
	/** How often to look. */
	readonly everyMs?: number;
}

interface Watched {
	readonly folder: string;
	readonly limitMs: number;
	size: number;
	heardAt: number;
	paused: number;
}

/**
 * Notices cells that make no progress, whatever they wait for: nothing is added to their QMP, console and perf records,
 * and no word comes from their worker. Commands have deadlines of their own; this is for what those cannot see, such as
 * a case that loops or a worker that was stopped.
 */
export class Watchdog implements Disposable {
	readonly #options: WatchdogOptions;
	readonly #cells = new Map<string, Watched>();
	readonly #timer: NodeJS.Timeout;

	constructor(options: WatchdogOptions) {
		this.#options = options;
		this.#timer = setInterval(() => this.#look(), options.everyMs ?? 1000).unref();
	}

	/** Watches a cell whose records go to `folder`, until disposed of. */
	watch(cell: string, folder: string, limitMs: number): Disposable {
		const watched = { folder, limitMs, size: sizeOf(folder), heardAt: performance.now(), paused: 0 };
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
		if (watched !== undefined) watched.heardAt = performance.now();
	}

	/** While held, the cell waits for something that is not its own. */
	pause(cell: string): Disposable {
		const watched = this.#cells.get(cell);
		if (watched !== undefined) watched.paused++;
		return {
			[Symbol.dispose]: () => {
				if (watched === undefined) return;
				watched.paused--;
				watched.heardAt = performance.now();
			},
		};
	}

	[Symbol.dispose](): void {
		clearInterval(this.#timer);
		this.#cells.clear();
	}

	#look(): void {
		const now = performance.now();
		for (const [cell, watched] of this.#cells) {
			const size = sizeOf(watched.folder);
			if (size !== watched.size || watched.paused > 0) {
				watched.size = size;
				watched.heardAt = now;
			} else if (now - watched.heardAt > watched.limitMs) {
				this.#cells.delete(cell);
				this.#options.onSilence(cell, now - watched.heardAt);
			}
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
