import type { BackendView, CellResult } from '../run/results.ts';

/** Describes a backend in one or two words. */
export function viewOf(backend: BackendView | null): string {
	if (backend === null) return '-';
	return backend.backend === 'event-source' ? `event-source ${backend.type ?? '?'}` : backend.backend;
}

/** Summarises readings: each event once, with all its counts in the order in which they were taken. */
export function countsOf({ perf }: CellResult): string {
	const byEvent = Map.groupBy(perf, reading => reading.event);
	return [...byEvent]
		.map(
			([event, readings]) =>
				`${event} ${readings.map(({ state, count }) => (state === 'counted' ? short(count) : state)).join(' > ')}`,
		)
		.join(', ');
}

function short(count: string | null): string {
	const value = Number(count);
	if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`;
	if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
	if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
	return count ?? '?';
}
