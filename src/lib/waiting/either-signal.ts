/** A signal that aborts with the first of several. Disposal stops listening to them. */
export interface EitherSignal extends Disposable {
	readonly signal: AbortSignal;
}

/**
 * Makes a signal that aborts when any of the given signals does, with the same reason. Absent signals are ignored. Use this
 * instead of `AbortSignal.any`: in Node 24, a signal made by `any` can miss an abort if garbage was collected while it had no
 * listener.
 */
export function eitherSignal(...signals: readonly (AbortSignal | undefined)[]): EitherSignal {
	const sources = signals.filter(signal => signal !== undefined);
	const either = new AbortController();
	const letGo = () => {
		for (const source of sources) source.removeEventListener('abort', onAbort);
	};
	function onAbort(this: AbortSignal): void {
		letGo();
		either.abort(this.reason);
	}
	const aborted = sources.find(source => source.aborted);
	if (aborted === undefined) for (const source of sources) source.addEventListener('abort', onAbort);
	else either.abort(aborted.reason);
	return { signal: either.signal, [Symbol.dispose]: letGo };
}
