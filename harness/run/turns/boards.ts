import type { Host } from '../../../src/host/index.ts';

/** A host that can be paused: a board. */
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
	/** Returns a host by its `--on` name, or a copy of a board; the same one each time. */
	readonly host: (on: string, copy: number) => Promise<Host>;
	/** Ends an unused copy. */
	readonly retire: (on: string, copy: number) => Promise<void>;
	/** Limit of boards, exceeded only if a cell would have to wait. */
	readonly most: number;
}

/**
 * Gives each cell on a board a copy of the board to itself. Two guests on one emulated machine take nearly as long as
 * one after the other, because a lock serialises the emulator's devices (its interrupt controller among them); on two
 * machines they run in parallel. Unused copies are paused: an idle one takes a twentieth of a core, and a run may have
 * ten.
 */
export class Boards {
	readonly #options: BoardsOptions;
	readonly #copies: Copy[] = [];
	/** Boards of which a copy has started. */
	readonly #started = new Set<string>();

	constructor(options: BoardsOptions) {
		this.#options = options;
	}

	/**
	 * Returns the host for one cell, running until the result is disposed of.
	 * @throws VpmuError if it cannot be started
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
			const host = (await this.#start(copy)) as Halting;
			await host.proceed();
			return {
				host,
				async [Symbol.asyncDispose]() {
					// A board that is gone is reported by the cell that needs it next.
					await host.halt().catch(() => undefined);
					leave();
				},
			};
		} catch (error) {
			leave();
			throw error;
		}
	}

	/** Number of copies of a board, in use or idle. */
	copies(on: string): number {
		return this.#copies.filter(one => one.on === on).length;
	}

	/** Whether the first copies of a board are being started, which may take a boot: further ones would wait for its end. */
	isStarting(on: string): boolean {
		return !this.#started.has(on) && this.copies(on) > 0;
	}

	/** Starts a copy in advance. Errors are reported by whoever takes it. */
	prepare(on: string): void {
		this.#start(this.#newCopy(on)).catch(() => undefined);
	}

	async #start({ on, number }: Copy): Promise<Host> {
		const host = await this.#options.host(on, number);
		this.#started.add(on);
		return host;
	}

	#newCopy(on: string): Copy {
		const taken = this.#copies.filter(one => one.on === on).map(one => one.number);
		let number = 0;
		while (taken.includes(number)) number++;
		const copy = { on, number, busy: false, idleSince: 0 };
		this.#copies.push(copy);
		return copy;
	}

	/** Ends the copies that have been idle longest while there are too many. */
	async #makeRoom(): Promise<void> {
		while (this.#copies.length > this.#options.most) {
			const [oldest] = this.#copies.filter(one => !one.busy).sort((a, b) => a.idleSince - b.idleSince);
			if (oldest === undefined) return;
			this.#copies.splice(this.#copies.indexOf(oldest), 1);
			await this.#options.retire(oldest.on, oldest.number);
		}
	}
}
