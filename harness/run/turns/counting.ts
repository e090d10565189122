import type { Host } from '../../../src/host/index.ts';
import { LockBusyError, type WaitOptions } from '../../../src/lib/index.ts';
import type { Cell } from '../../plan/plan.ts';
import { Slots } from './slots.ts';

/** The folder of all PMUs of a host: every Linux has it, everybody may lock it, and nothing is left in it. */
const pmusOfHost = '/sys/bus/event_source/devices';

/** Nobody counts for so long; who holds the lock longer than that has forgotten it. */
const longestWaitMs = 30 * 60_000;

export interface CountingOptions {
	readonly host: (on: string) => Promise<Host>;
	/** Wait for somebody else who counts; otherwise fail with that one's name. */
	readonly wait: boolean;
	readonly onWait: (who: LockBusyError) => void;
}

/**
 * Who counts on a host counts alone: perf users of one host share its counters, and multiplex when there are too few.
 * Cells of one run take turns here, runs among one another by a lock on the host that its kernel releases. Emulated
 * hosts belong to their run, and a guest under TCG has counters of its own: neither excludes anybody.
 */
export class Counting {
	readonly #options: CountingOptions;
	readonly #turns = new Map<string, Slots>();

	constructor(options: CountingOptions) {
		this.#options = options;
	}

	/** Waits for the turn of a cell; dispose of the result when it has counted. @throws LockBusyError, HostError, the signal's reason */
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
