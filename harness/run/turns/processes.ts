interface Entry {
	readonly host: string;
	readonly beganAt: number;
	endedAt: number | undefined;
	readonly pids: Set<number>;
}

/**
 * Records which processes belong to which cell, so that a line of a host's kernel log goes to the cell that it names. A
 * cell is remembered while any cell that ran at the same time may ask.
 */
export class Processes {
	readonly #cells = new Map<string, Entry>();
	readonly #now: () => number;

	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** Registers a cell on a host. Dispose of the result when it has ended. */
	begin(cell: string, host: string): Disposable {
		const entry: Entry = { host, beganAt: this.#now(), endedAt: undefined, pids: new Set() };
		this.#cells.set(cell, entry);
		return {
			[Symbol.dispose]: () => {
				entry.endedAt = this.#now();
				this.#forget();
			},
		};
	}

	/** Adds processes and threads of the host that belong to the cell. */
	add(cell: string, pids: readonly number[]): void {
		for (const pid of pids) this.#cells.get(cell)?.pids.add(pid);
	}

	/** Returns those of the cells that ran on the same host at the same time as this one. */
	others(cell: string): readonly number[] {
		const own = this.#cells.get(cell);
		if (own === undefined) return [];
		const beside = [...this.#cells.values()].filter(
			one => one !== own && one.host === own.host && (one.endedAt === undefined || one.endedAt >= own.beganAt),
		);
		return beside.flatMap(one => [...one.pids]).filter(pid => !own.pids.has(pid));
	}

	/** Forgets cells that no running cell can have met. */
	#forget(): void {
		const running = [...this.#cells.values()].filter(one => one.endedAt === undefined);
		const since = Math.min(...running.map(one => one.beganAt));
		for (const [name, { endedAt }] of this.#cells) {
			if (endedAt !== undefined && endedAt < since) this.#cells.delete(name);
		}
	}
}
