/**
 * A counted resource, given out in the order in which it was asked for. A claim larger than all there is gets
 * everything, alone.
 */
export class Slots {
	readonly #total: number;
	#free: number;
	readonly #queue: { readonly weight: number; readonly grant: () => void }[] = [];

	constructor(total: number) {
		this.#total = total;
		this.#free = total;
	}

	/** Waits for `weight` units; calling the result gives them back, once. @throws the signal's reason */
	async claim(weight: number, signal?: AbortSignal): Promise<() => void> {
		const wanted = Math.min(weight, this.#total);
		signal?.throwIfAborted();
		if (this.#queue.length > 0 || this.#free < wanted) {
			const { promise, resolve, reject } = Promise.withResolvers<void>();
			const entry = { weight: wanted, grant: resolve };
			this.#queue.push(entry);
			const onAbort = () => {
				const index = this.#queue.indexOf(entry);
				if (index < 0) return;
				this.#queue.splice(index, 1);
				reject(signal?.reason);
				this.#serve();
			};
			signal?.addEventListener('abort', onAbort, { once: true });
			try {
				await promise;
			} finally {
				signal?.removeEventListener('abort', onAbort);
			}
		} else {
			this.#free -= wanted;
		}
		let held = true;
		return () => {
			if (!held) return;
			held = false;
			this.#free += wanted;
			this.#serve();
		};
	}

	#serve(): void {
		for (let next = this.#queue[0]; next !== undefined && next.weight <= this.#free; next = this.#queue[0]) {
			this.#queue.shift();
			this.#free -= next.weight;
			next.grant();
		}
	}
}
