import { isInterrupted } from '../run/fold.ts';
import type { BackendView, CellResult, CellStatus } from '../run/results.ts';

/** Returns the status of a cell, but `interrupted` for one that an interrupt took, which results list as skipped. */
export const shownStatus = (cell: Pick<CellResult, 'status' | 'reason'>): CellStatus | 'interrupted' =>
	isInterrupted(cell) ? 'interrupted' : cell.status;

/** Describes a backend in one or two words. */
export function viewOf(backend: BackendView | null): string {
	if (backend === null) return '-';
	return backend.backend === 'event-source' ? `event-source ${backend.type ?? '?'}` : backend.backend;
}

/**
 * Describes the observed backend of a cell in a few words. A guest without a PMU shows nothing of the backend that was chosen,
 * so that a cell can agree in all that is visible with the backend unknown.
 *
 * @param width columns that there are; fewer words if more are needed
 */
export function observedOf(
	cell: Pick<CellResult, 'observed' | 'status' | 'cpuPmu' | 'selftest'>,
	width = Number.POSITIVE_INFINITY,
): string {
	const { observed, status, cpuPmu, selftest } = cell;
	if (selftest !== undefined) return selftestOf(selftest, width);
	const isAgreed = status === 'pass' || status === 'xfail' || status === 'xpass';
	if (observed?.backend !== 'unknown' || !isAgreed) return viewOf(observed);
	const words = cpuPmu === false ? 'not visible with pmu=off' : 'not visible: the guest has no PMU';
	return words.length <= width ? words : 'not visible';
}

/** Says in a few words what one of the kernel's own tests showed, such as `selftest ok (12 of 12 points)`. */
function selftestOf({ state, counts }: NonNullable<CellResult['selftest']>, width: number): string {
	const total = counts.ok + counts['not-ok'] + counts.skipped + counts.expected;
	const short = `selftest ${state === 'not-ok' ? 'not ok' : state}`;
	const words = total === 0 ? short : `${short} (${counts.ok} of ${total} points)`;
	return words.length <= width ? words : short;
}

/** Names a QEMU briefly: a long path by its folder, which tells builds apart. */
export const programName = (name: string) => (name.length > 40 ? (name.split('/').at(-2) ?? name) : name);

/** Names CPUs of a list, such as `0` or `0-3`, in the right number. */
export const cpusText = (list: string) => `${/^\d+$/.test(list) ? 'CPU' : 'CPUs'} ${list}`;

/** Summarises readings: each event once, with all its counts in the order in which they were taken. */
export function countsOf({ perf }: CellResult): string {
	const byEvent = Map.groupBy(perf, reading => reading.event);
	return [...byEvent]
		.map(
			([event, readings]) =>
				`${event} ${readings.map(({ state, count }) => (state === 'counted' ? shortCount(count) : state)).join(' > ')}`,
		)
		.join(', ');
}

/** Shortens a count: `180.20M`; `?` for one that was not counted. */
export function shortCount(count: string | number | null): string {
	const value = Number(count);
	if (value >= 1e15) return value.toExponential(2);
	if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`;
	if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
	if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
	return count === null ? '?' : `${count}`;
}

/**
 * Describes what distinguishes the cells of a case besides their host: the QEMU as named, and axes with non-default
 * values, such as `pmu=10`, `vcpus=4` or `simulate=attribute5`. Reads the cell's id, which has every axis; for an id
 * that vpmu did not make, only `pmu` is known. Pure.
 */
export function axesOf({ id, machine, pmu }: Pick<CellResult, 'id' | 'machine' | 'pmu'>): {
	readonly qemu: string;
	readonly axes: readonly string[];
} {
	const inner = /\[(.*)\]$/s.exec(id)?.[1] ?? '';
	const [, ...afterHost] = inner.split(',');
	const at = afterHost.indexOf(machine, 1);
	if (at === -1) return { qemu: afterHost[0] ?? '', axes: pmu === null ? [] : [`pmu=${pmu}`] };
	return { qemu: afterHost.slice(0, at).join(','), axes: afterHost.slice(at + 1) };
}
