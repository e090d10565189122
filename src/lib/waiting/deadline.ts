import { setTimeout as delay } from 'node:timers/promises';

/** Limits of a wait: the first one reached ends it. */
export interface WaitOptions {
	/** Ends the wait with the signal's reason. */
	readonly signal?: AbortSignal | undefined;
	/** Ends the wait with a {@link DeadlineError} after this many milliseconds. */
	readonly timeoutMs?: number | undefined;
}

/** A wait exceeded its time limit. `what` says what was waited for. */
export class DeadlineError extends Error {
	override readonly name = 'DeadlineError';
	readonly code = 'DEADLINE';
	readonly what: string;
	readonly timeoutMs: number;

	constructor(what: string, timeoutMs: number) {
		super(`${what}: nothing after ${formatDuration(timeoutMs)}`);
		this.what = what;
		this.timeoutMs = timeoutMs;
	}
}

/** Longest delay of a timer. Node turns a longer one into 1 ms. */
const longestDelayMs = 2 ** 31 - 1;

/** If a deadline fires this late, this process itself was stalled: pending input is read first. */
const stalledMs = 100;

/** A running deadline. */
export interface Deadline {
	clear(): void;
}

/**
 * Like `setTimeout`, for a deadline. A deadline that is absent, `Infinity` or at least 24 days needs no timer. If this
 * process was stalled past the deadline, pending input gets a moment to be read first.
 */
export function startDeadline(timeoutMs: number | undefined, late: () => void): Deadline | undefined {
	if (timeoutMs === undefined || timeoutMs > longestDelayMs) return undefined;
	const dueMs = performance.now() + Math.max(0, timeoutMs);
	const onTime = () => {
		if (performance.now() - dueMs < stalledMs) late();
		else timer = setTimeout(late, stalledMs);
	};
	let timer = setTimeout(onTime, Math.max(0, timeoutMs));
	return { clear: () => clearTimeout(timer) };
}

/** Formats a duration: `350 ms`, `7.4 s`, `2 min 5 s`. */
export function formatDuration(milliseconds: number): string {
	if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
	if (milliseconds < 99_950) return `${(milliseconds / 1000).toFixed(1)} s`;
	const seconds = Math.round(milliseconds / 1000);
	return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * Settles as `promise` does, or rejects at the deadline or abort. The promise itself is not stopped: its owner must still
 * dispose of its result.
 *
 * @throws DeadlineError when `timeoutMs` passes first
 * @throws the signal's reason when it aborts first
 */
export async function within<T>(what: string, promise: Promise<T>, { signal, timeoutMs }: WaitOptions): Promise<T> {
	signal?.throwIfAborted();
	if (signal === undefined && timeoutMs === undefined) return await promise;
	const { promise: ended, reject } = Promise.withResolvers<never>();
	const timer = startDeadline(timeoutMs, () => reject(new DeadlineError(what, timeoutMs!)));
	const onAbort = () => reject(signal?.reason);
	signal?.addEventListener('abort', onAbort, { once: true });
	try {
		return await Promise.race([promise, ended]);
	} finally {
		timer?.clear();
		signal?.removeEventListener('abort', onAbort);
	}
}

/**
 * Calls `probe` until it returns something other than `undefined`, pausing `everyMs` between calls.
 *
 * @throws DeadlineError or the signal's reason, as {@link within}; any error of `probe`
 */
export async function poll<T>(
	what: string,
	probe: () => Promise<T | undefined> | T | undefined,
	{ signal, timeoutMs, everyMs = 20 }: WaitOptions & { readonly everyMs?: number },
): Promise<T> {
	const startedAt = performance.now();
	for (;;) {
		signal?.throwIfAborted();
		const value = await probe();
		if (value !== undefined) return value;
		if (timeoutMs !== undefined && performance.now() - startedAt > timeoutMs) throw new DeadlineError(what, timeoutMs);
		await delay(everyMs, undefined, { signal });
	}
}
