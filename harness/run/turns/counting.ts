import type { Host } from '../../../src/host/index.ts';
import { LockBusyError, type WaitOptions } from '../../../src/lib/index.ts';
import type { Cell } from '../../plan/plan.ts';
import { Slots } from './slots.ts';

/** The sysfs folder of a host's PMUs. Every Linux has it, anyone may lock it, and nothing is left in it. */
const pmusOfHost = '/sys/bus/event_source/devices';

/** Deadline for a lock holder; no count takes this long. */
const longestWaitMs = 30 * 60_000;

export interface CountingOptions {
	readonly host: (on: string) => Promise<Host>;
	/** Wait for another process that counts; otherwise fail with its name. */
	readonly wait: boolean;
	readonly onWait: (who: LockBusyError) => void;
}

/**
 * Lets only one cell count on a host at a time, because perf users of one host share its counters, and multiplex if
 * there are too few. Cells of one run take turns; separate runs use a lock on the host, which the kernel releases.
 * Emulated hosts belong to one run, and a guest under TCG has its own counters: neither needs a lock.
 */
export class Counting {
	readonly #options: CountingOptions;
	readonly #turns = new Map<string, Slots>();

	constructor(options: CountingOptions) {
		this.#options = options;
	}

	/**
	 * Waits for a cell's turn; dispose of the result after counting. @throws LockBusyError, HostError, the signal's
	 * reason
	 */
	async alone({ on, accel }: Pick<Cell, 'on' | 'accel'>, signal?: AbortSignal): Promise<AsyncDisposable> {
		if (accel === 'tcg' || on.startsWith('board:')) return nothing;
		const turns = this.#turns.get(on) ?? new Slots(1);
		this.#turns.set(on, turns);
		const release = await turns.claim(on, 1, signal);
		try {
			const lock = await this.#lock(await this.#options.host(on), signal);
			return {
				async [Symbol.asyncDispose]() {
					await lock[Symbol.asyncDispose]();
					release();
				},
			};
		} catch (error) {
			release();
			throw error;
		}
	}

	async #lock(host: Host, signal: AbortSignal | undefined) {
		const limits = (timeoutMs: number): WaitOptions => ({ signal, timeoutMs });
		try {
			return await host.lock(pmusOfHost, limits(0));
		} catch (error) {
			if (!(error instanceof LockBusyError) || !this.#options.wait) throw error;
			this.#options.onWait(error);
			return await host.lock(pmusOfHost, limits(longestWaitMs));
		}
	}
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined };
