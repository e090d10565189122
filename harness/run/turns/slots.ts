export interface SlotsOptions<T> {
	/**
	 * How well a claim would be served now, given what is held: lowest first, `Infinity` for not now. Without it,
	 * claims are served in order.
	 */
	readonly rank: (claim: T, held: readonly T[]) => number;
	/** How often later claims that match better or are smaller may overtake one that matches. */
	readonly patience: number;
}

interface Waiting<T> {
	readonly claim: T;
	readonly weight: number;
	readonly grant: () => void;
	overtaken: number;
}

/** A counted resource, given out in turn. A claim larger than the total gets everything, alone. */
export class Slots<T = unknown> {
	readonly #total: number;
	readonly #options: SlotsOptions<T>;
	#free: number;
	readonly #queue: Waiting<T>[] = [];
	readonly #held: T[] = [];

	constructor(total: number, options: SlotsOptions<T> = { rank: () => 0, patience: 0 }) {
		this.#total = total;
		this.#free = total;
		this.#options = options;
	}

	/** Waits for `weight` units; calling the result gives them back, once. @throws the signal's reason */
	async claim(claim: T, weight: number, signal?: AbortSignal): Promise<() => void> {
		signal?.throwIfAborted();
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const entry = { claim, weight: Math.min(weight, this.#total), grant: resolve, overtaken: 0 };
		this.#queue.push(entry);
		const onAbort = () => {
			const index = this.#queue.indexOf(entry);
			if (index < 0) return;
			this.#queue.splice(index, 1);
			reject(signal?.reason);
			this.#serve();
		};
		signal?.addEventListener('abort', onAbort, { once: true });
		this.#serve();
		try {
			await promise;
		} finally {
			signal?.removeEventListener('abort', onAbort);
		}
		let held = true;
		return () => {
			if (!held) return;
			held = false;
			this.#free += entry.weight;
			this.#held.splice(this.#held.indexOf(claim), 1);
			this.#serve();
		};
	}

	#serve(): void {
		for (let next = this.#next(); next !== undefined; next = this.#next()) {
			const index = this.#queue.indexOf(next);
			for (const earlier of this.#queue.slice(0, index)) earlier.overtaken++;
			this.#queue.splice(index, 1);
			this.#free -= next.weight;
			this.#held.push(next.claim);
			next.grant();
		}
	}

	#next(): Waiting<T> | undefined {
		// If nothing is held, waiting would change nothing.
		const matches = (rank: number) => rank < Infinity || this.#held.length === 0;
		const matching = this.#queue
			.map(entry => ({ entry, rank: this.#options.rank(entry.claim, this.#held) }))
			.filter(({ rank }) => matches(rank));
		const first = matching[0]?.entry;
		if (first !== undefined && first.overtaken >= this.#options.patience) {
			return first.weight <= this.#free ? first : undefined;
		}
		const [best] = matching
			.filter(({ entry }) => entry.weight <= this.#free)
			.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank));
		return best?.entry;
	}
}
