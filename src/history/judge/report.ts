import { isLost } from '../../run/index.ts';
import type { PastCell, PastRun } from '../store/read.ts';
import { type CellHistory, cellHistories, isBad } from './cells.ts';
import { type Drift, type Drifts, driftsIn } from './drift.ts';

/** What a person who comes in the morning wants to know. Cells are in the order of their ids. */
export interface NightReport {
	readonly since: number;
	/** Runs since then, oldest first. */
	readonly runs: readonly PastRun[];
	/** The runs of the last night. */
	readonly tonight: readonly PastRun[];
	readonly cells: number;
	/** Failures that began tonight. */
	readonly fresh: readonly CellHistory[];
	/** Failures that began earlier. */
	readonly red: readonly CellHistory[];
	readonly fixed: readonly CellHistory[];
	readonly flaky: readonly CellHistory[];
	readonly drifts: readonly Drift[];
	readonly short: Drifts['short'];
	/** Cells without a verdict tonight, because the infrastructure failed or an interrupt took them. */
	readonly lost: readonly CellHistory[];
	/** Cells that had a verdict since then and did not run tonight. */
	readonly absent: readonly CellHistory[];
}

/** Runs this close to the latest one are of the same night. */
const nightMs = 18 * 3_600_000;

/**
 * Judges the runs since a moment. How long a cell has been red is looked up in the whole history. Pure.
 *
 * @param results of every run, oldest first
 */
export function nightReport(results: readonly PastCell[], since: number): NightReport {
	const recent = results.filter(({ run }) => run.started >= since);
	const runs = [...new Set(recent.map(({ run }) => run))];
	const latest = runs.at(-1)?.started ?? 0;
	const tonight = new Set(runs.filter(({ started }) => started > latest - nightMs));
	const whole = new Map(cellHistories(results).map(one => [one.id, one]));
	const histories = cellHistories(recent);
	const ran = histories.filter(({ last }) => tonight.has(last.run));
	const failing = histories.filter(({ firstBad, flaky }) => firstBad !== null && flaky === null);
	const begin = (one: CellHistory): CellHistory => {
		const all = whole.get(one.id)!;
		return { ...one, firstBad: all.firstBad, lastGood: all.lastGood, results: all.results };
	};
	const isFresh = ({ firstBad }: CellHistory) => firstBad !== null && tonight.has(firstBad.run);
	const looked = failing.map(begin);
	const { drifts, short } = driftsIn(recent);
	return {
		...{ since, runs, tonight: [...tonight], cells: histories.length },
		fresh: looked.filter(isFresh),
		red: looked.filter(one => !isFresh(one)),
		fixed: histories.filter(({ fixed, flaky }) => fixed !== null && tonight.has(fixed.run) && flaky === null),
		flaky: histories.filter(({ flaky }) => flaky !== null).map(begin),
		...{ drifts, short },
		lost: ran.filter(({ last }) => isLost(last)),
		absent: histories.filter(({ last, verdicts }) => !tonight.has(last.run) && verdicts > 0),
	};
}

/** Counts the nights of the failures that a cell has now: days (UTC) with a failure, from the first. */
export function nightsRed({ firstBad, results }: CellHistory): number {
	if (firstBad === null) return 0;
	const red = results.filter(one => isBad(one) && one.run.started >= firstBad.run.started);
	return new Set(red.map(({ run }) => new Date(run.started).toISOString().slice(0, 10))).size;
}
