import { median, significant } from '../../compare/index.ts';
import type { PastCell } from '../store/read.ts';
import { isGood } from './cells.ts';
import { leastValues, type Onset, onsetOf, trendTest } from './trend.ts';

/** A boot time that changed over the nights. */
export interface Drift {
	/** The host of the cells, and the machine that ran it. */
	readonly place: string;
	readonly machine: string;
	/** The cells that drift: all of the place together, or one by itself. */
	readonly cells: readonly string[];
	readonly form: Onset['form'];
	/** A result of the last run before it began, and one of the run in which it began. */
	readonly before: PastCell;
	readonly first: PastCell;
	/** The boot time now in relation to before. */
	readonly ratio: number;
	/** Probability of such a trend if nothing changed. */
	readonly probability: number;
	/** Runs that measured it. */
	readonly runs: number;
}

/** What can be said of boot times. */
export interface Drifts {
	readonly drifts: readonly Drift[];
	/** Places with too few runs for a verdict: the most runs of one, and how many are needed. */
	readonly short: { readonly places: number; readonly runs: number; readonly needed: number } | null;
}

/** Accepted probability of a false alarm, over all cells and places together. */
const alpha = 0.05;

/** Smaller changes are not reported, even if they are certain. */
const leastEffect = 0.05;

/** Only the latest runs of a place are tested: the time that a test takes grows with the square of their number. */
const mostRuns = 400;

/** One quantity over the runs. */
interface Line {
	readonly place: string;
	readonly machine: string;
	readonly cells: readonly string[];
	/** One result of each run. */
	readonly results: readonly PastCell[];
	readonly values: readonly number[];
}

/**
 * Finds boot times that rise or fall over the runs. Each place is tested as a whole first, because what slows a host
 * slows all its cells; then each cell of the other places. Pure.
 */
export function driftsIn(results: readonly PastCell[]): Drifts {
	const booted = results.filter(one => isGood(one) && one.bootMs !== null && one.bootMs > 0);
	const lines = [...Map.groupBy(booted, one => JSON.stringify([one.place, one.run.machine])).values()].map(linesOf);
	const wholes = found(lines.map(({ whole }) => whole));
	const rest = lines.filter((_, at) => wholes[at] === undefined).flatMap(({ cells }) => cells);
	const drifts = [...wholes, ...found(rest)].filter(one => one !== undefined);
	const short = lines.filter(({ whole }) => whole.values.length < leastValues);
	const runs = Math.max(0, ...short.map(({ whole }) => whole.values.length));
	return { drifts, short: short.length === 0 ? null : { places: short.length, runs, needed: leastValues } };
}

/** The cells of one place, and all of them as one: for each run, the median over its cells relative to their own medians. */
function linesOf(all: readonly PastCell[]): { readonly whole: Line; readonly cells: readonly Line[] } {
	const nights = [...Map.groupBy(all, ({ run }) => run)].slice(-mostRuns);
	const results = nights.flatMap(([, own]) => own);
	const { place, run } = results[0]!;
	const { machine } = run;
	const cells = [...Map.groupBy(results, ({ id }) => id)].map(([id, own]) => ({
		...{ place, machine, cells: [id], results: own, values: own.map(({ bootMs }) => bootMs!) },
	}));
	const middles = new Map(cells.map(({ cells: [id], values }) => [id, median(values)]));
	return {
		whole: {
			...{ place, machine, cells: cells.flatMap(({ cells: ids }) => ids), results: nights.map(([, [one]]) => one!) },
			values: nights.map(([, own]) => median(own.map(({ id, bootMs }) => bootMs! / middles.get(id)!))),
		},
		// A cell alone is its place.
		cells: cells.length > 1 ? cells : [],
	};
}

/** Tells which lines drift; each kind of line has half of the accepted probability. */
function found(lines: readonly Line[]): (Drift | undefined)[] {
	const tests = lines.map(({ values }) => trendTest(values));
	const certain = significant(tests, alpha / 2);
	return lines.map(({ values, results, ...line }, at) => {
		const onset = certain[at] === true ? onsetOf(values) : undefined;
		if (onset === undefined || !(Math.abs(Math.log(onset.ratio)) >= Math.log(1 + leastEffect))) return undefined;
		const { form, ratio } = onset;
		const [before, first] = [results[onset.at - 1]!, results[onset.at]!];
		return { ...line, form, ratio, before, first, probability: tests[at]!, runs: results.length };
	});
}
