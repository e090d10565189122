import type { Host } from '../../../src/host/index.ts';

/** A host that can be halted: a board. */
type Halting = Host & { halt(): Promise<void>; proceed(): Promise<void> };

interface Copy {
	readonly on: string;
	/** From 0. */
	readonly number: number;
	busy: boolean;
	/** Milliseconds, as of `performance.now()`. */
	idleSince: number;
}

export interface BoardsOptions {
	/** The host of `--on` form, or a copy of a board; the same one when asked again. */
	readonly host: (on: string, copy: number) => Promise<Host>;
	/** Ends a copy that nobody uses. */
	readonly retire: (on: string, copy: number) => Promise<void>;
	/** How many boards there may be at a time, where that does not keep a cell waiting. */
	readonly most: number;
}

/**
 * Gives each cell that runs on a board a copy of the board to itself: two guests on one emulated machine take nearly as
 * long as one after the other, on two machines they do not (the emulator's devices, its interrupt controller among them,
 * are behind one lock). A copy that no cell is on stands still: one that idles takes a twentieth of a core, and a run
 * may have ten.
 */
export class Boards {
	readonly #options: BoardsOptions;
	readonly #copies: Copy[] = [];

	constructor(options: BoardsOptions) {
		this.#options = options;
	}

	/**
	 * The host for one cell, going until what is returned is disposed of.
	 * @throws VpmuError when it cannot be had
	 */
	async take(on: string): Promise<{ readonly host: Host } & AsyncDisposable> {
		if (!on.startsWith('board:')) {
			return { host: await this.#options.host(on, 0), [Symbol.asyncDispose]: () => Promise.resolve() };
		}
		const copy = this.#copies.find(one => one.on === on && !one.busy) ?? this.#newCopy(on);
		copy.busy = true;
		const leave = () => {
			copy.busy = false;
			copy.idleSince = performance.now();
		};
		try {
			await this.#makeRoom();
			const host = (await this.#options.host(on, copy.number)) as Halting;
			await host.proceed();
			return {
				host,
				async [Symbol.asyncDispose]() {
					// One that is gone is named by who needs it next.
					await host.halt().catch(() => undefined);
					leave();
				},
			};
		} catch (error) {
			leave();
			throw error;
		}
	}

	/** How many copies of a board there are, in use or idle. */
	copies(on: string): number {
		return this.#copies.filter(one => one.on === on).length;
	}

	/** Begins to start a copy that will be wanted. What goes wrong is said by who takes it. */
	prepare(on: string): void {
		const { number } = this.#newCopy(on);
		this.#options.host(on, number).catch(() => undefined);
	}

	#newCopy(on: string): Copy {
		const taken = this.#copies.filter(one => one.on === on).map(one => one.number);
		let number = 0;
		while (taken.includes(number)) number++;
		const copy = { on, number, busy: false, idleSince: 0 };
		this.#copies.push(copy);
		return copy;
	}

	/** Ends what has been idle longest, while there are too many. */
	async #makeRoom(): Promise<void> {
		while (this.#copies.length > this.#options.most) {
			const [oldest] = this.#copies.filter(one => !one.busy).sort((a, b) => a.idleSince - b.idleSince);
			if (oldest === undefined) return;
			this.#copies.splice(this.#copies.indexOf(oldest), 1);
			await this.#options.retire(oldest.on, oldest.number);
		}
	}
}
