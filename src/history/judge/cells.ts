import { median } from '../../compare/index.ts';
import type { PastCell } from '../store/read.ts';

/** The middle of some durations, and where the middle half of them lies. Milliseconds. */
export interface Spread {
	readonly count: number;
	readonly median: number;
	readonly low: number;
	readonly high: number;
}

/** How often a cell fails by chance. */
export interface Flakiness {
	/** Results that went wrong although earlier and later ones did not, or that a retry put right. */
	readonly wrong: number;
	readonly of: number;
	/** The first of them. */
	readonly since: PastCell;
}

/** What the history says of one cell. */
export interface CellHistory {
	readonly id: string;
	readonly case: string;
	/** The latest result, whatever its status. */
	readonly last: PastCell;
	/** Every result, oldest first. */
	readonly results: readonly PastCell[];
	/** Results with a verdict; skipped cells, interrupted ones and failures of the infrastructure have none. */
	readonly verdicts: number;
	readonly boot: Spread | null;
	readonly total: Spread | null;
	readonly flaky: Flakiness | null;
	/** The first of the failures that the cell has now, without a good result since; `null` if its last verdict is good. */
	readonly firstBad: PastCell | null;
	/** The last good result: before `firstBad`, or of all. */
	readonly lastGood: PastCell | null;
	/** The last verdict is good and ended these failures; `null` if it did not. */
	readonly fixed: PastCell | null;
}

export const isBad = ({ status }: Pick<PastCell, 'status'>): boolean => status === 'fail' || status === 'xpass';
export const isGood = ({ status }: Pick<PastCell, 'status'>): boolean => status === 'pass' || status === 'xfail';

/** Makes the history of each cell from its results, oldest first, in the order of the cells' ids. Pure. */
export function cellHistories(results: readonly PastCell[]): CellHistory[] {
	return [...Map.groupBy(results, ({ id }) => id).values()]
		.map(historyOf)
		.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function historyOf(results: readonly PastCell[]): CellHistory {
	const last = results.at(-1)!;
	const verdicts = results.filter(one => isGood(one) || isBad(one));
	const lastGood = verdicts.findLast(isGood) ?? null;
	const firstBad = verdicts.slice(lastGood === null ? 0 : verdicts.indexOf(lastGood) + 1).find(isBad) ?? null;
	const wasBad = firstBad === null && verdicts.length > 1 && isBad(verdicts.at(-2)!);
	return {
		...{ id: last.id, case: last.case, last, results, verdicts: verdicts.length },
		boot: spreadOf(verdicts.filter(isGood).flatMap(({ bootMs }) => bootMs ?? [])),
		total: spreadOf(verdicts.filter(isGood).flatMap(({ totalMs }) => totalMs ?? [])),
		...{ flaky: flakinessOf(verdicts), firstBad, lastGood, fixed: wasBad ? verdicts.at(-1)! : null },
	};
}

/**
 * A failure that ended once may have been fixed. A cell is flaky if it recovered twice, or if a retry in the same run
 * passed. A build of QEMU that failed each time, and more than once, did not fail by chance.
 */
function flakinessOf(verdicts: readonly PastCell[]): Flakiness | null {
	const lastGood = verdicts.findLastIndex(isGood);
	const firstGood = verdicts.findIndex(isGood);
	const builds = Map.groupBy(verdicts, ({ cell }) => cell);
	const isChance = (one: PastCell) =>
		isBad(one) && (builds.get(one.cell)!.length < 2 || builds.get(one.cell)!.some(isGood));
	const isBetween = (at: number) => at > firstGood && at < lastGood && firstGood !== -1;
	const recoveries = verdicts.filter((one, at) => isBetween(at) && isChance(one) && isGood(verdicts[at + 1]!)).length;
	const wrong = verdicts.filter((one, at) => one.flaky || (recoveries > 1 && isBetween(at) && isChance(one)));
	return wrong.length === 0 ? null : { wrong: wrong.length, of: verdicts.length, since: wrong[0]! };
}

function spreadOf(values: readonly number[]): Spread | null {
	if (values.length === 0) return null;
	const sorted = [...values].sort((a, b) => a - b);
	const quarter = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
	return { count: values.length, median: median(values), low: quarter(0.25), high: quarter(0.75) };
}
