import { type CellStatus, isLost } from '../../run/index.ts';
import type { PastCell, PastRun } from '../store/read.ts';
import { type CellHistory, cellHistories, isBad, isGood } from './cells.ts';

/** What one run changed, seen from the runs before it. Cells are in the order of their ids. */
export interface News {
	readonly run: PastRun;
	/** Cells whose failure began with this run: not called a regression before they ran again. */
	readonly fresh: readonly CellHistory[];
	/** Cells that failed in this run and in exactly one earlier one since they were good: nothing else confirmed that one. */
	readonly repeated: readonly CellHistory[];
	/** Cells that have failed for longer. */
	readonly red: readonly CellHistory[];
	/** Cells that are good in this run and failed before. */
	readonly fixed: readonly CellHistory[];
	/** Cells without a verdict in this run, that had one in the run before. */
	readonly lost: readonly CellHistory[];
}

/**
 * Judges a run by the runs before it; later ones do not count. Pure.
 *
 * @param results of every run, oldest first
 * @param id of a run among them
 */
export function newsOf(results: readonly PastCell[], id: string): News | undefined {
	const run = results.find(one => one.run.id === id)?.run;
	if (run === undefined) return undefined;
	// A second run of one of several builds of QEMU has only that one, so that its history's id does not name the build.
	const ids = new Map(results.filter(one => one.run === run).map(({ cell, id }) => [cell, id]));
	const until = results
		.filter(one => one.run === run || one.run.started < run.started)
		.map(one => ({ ...one, id: ids.get(one.cell) ?? one.id }));
	const own = cellHistories(until).filter(({ last }) => last.run === run);
	const failing = own.filter(({ last }) => isBad(last));
	const withFailures = (least: number, most: number) =>
		failing.filter(one => least <= failuresOf(one) && failuresOf(one) <= most);
	return {
		run,
		fresh: withFailures(1, 1),
		repeated: withFailures(2, 2),
		red: withFailures(3, Number.POSITIVE_INFINITY),
		fixed: own.filter(({ fixed, last }) => fixed !== null && isGood(last)),
		lost: own.filter(({ last, results: all }) => isLost(last) && !all.slice(-2, -1).some(isLost)),
	};
}

/** Counts a cell's failures since it was last good. */
function failuresOf({ results, firstBad }: CellHistory): number {
	return firstBad === null ? 0 : results.slice(results.indexOf(firstBad)).filter(isBad).length;
}

/** What running a new failure again showed. */
export type Again = 'confirmed' | 'passed' | 'unconfirmed';

/** A new failure, and what running its cell again showed. */
export interface JudgedFailure {
	readonly cell: CellHistory;
	readonly again: Again;
	/** Why running it again has no verdict; `null` if it has one, and if nothing is known. */
	readonly reason: string | null;
}

/** The news of a run after its new failures ran again. */
export interface JudgedNews extends Omit<News, 'fresh' | 'repeated'> {
	readonly failures: readonly JudgedFailure[];
}

/**
 * Judges new failures by a second result of their cells: only a second failure makes a regression. Pure.
 *
 * @param second results of the cells that ran again, by their ids in the run
 */
export function judgeNews(
	{ fresh, repeated, ...news }: News,
	second: ReadonlyMap<string, { readonly status: CellStatus; readonly reason: string | null }>,
): JudgedNews {
	const judged = fresh.map((cell): JudgedFailure => {
		const found = second.get(cell.last.cell);
		if (found === undefined) return { cell, again: 'unconfirmed', reason: null };
		const { status, reason } = found;
		if (isBad({ status })) return { cell, again: 'confirmed', reason: null };
		return isGood({ status }) ? { cell, again: 'passed', reason: null } : { cell, again: 'unconfirmed', reason };
	});
	const earlier = repeated.map((cell): JudgedFailure => ({ cell, again: 'confirmed', reason: null }));
	return { ...news, failures: [...judged, ...earlier].sort((a, b) => (a.cell.id < b.cell.id ? -1 : 1)) };
}

/** Whether somebody should be told. */
export function isNews({ failures, fixed, lost }: JudgedNews): boolean {
	return failures.length + fixed.length + lost.length > 0;
}
