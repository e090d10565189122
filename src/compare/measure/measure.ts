import type { CellPair } from '../changes.ts';
import { leastProbability, median, rankTest, significant } from './statistics.ts';

/** The result for repeated measurements of one quantity on one host. Two measurements never decide. */
export interface MeasuredChange {
	/** The quantity, such as `time to boot` or `count of cycles on CPU 0-1`. */
	readonly what: string;
	/** The host, as in cell ids. */
	readonly place: string;
	/** Number of cells that measured it on both sides. */
	readonly cells: number;
	/** Number of values before and after, in the cell with fewest. */
	readonly values: { readonly before: number; readonly after: number };
	/** `not-enough`: too few values for a verdict. */
	readonly state: 'not-enough' | 'unchanged' | 'changed';
	/** The ratio of the medians after and before; the median over all cells. */
	readonly ratio: number;
	/** Probability of such a difference if nothing changed; 1 if there are too few values. */
	readonly probability: number;
	/** Number of values per side that would allow a verdict; absent if there are enough. */
	readonly needed?: number | undefined;
	/** Cells that changed individually, with their medians. */
	readonly changed: readonly { readonly id: string; readonly before: number; readonly after: number }[];
}

/** Accepted probability of a false alarm, over all quantities together. */
const alpha = 0.05;

/** Smaller changes are not reported, even if they are certain. */
const leastEffect = 0.05;

/**
 * Compares repeated measurements of cells on the same host. Each quantity is tested twice. First by whole runs: the run
 * is what was repeated, and whatever slows it moves all its cells at once. Then cell by cell. Pure.
 */
export function compareMeasurements(pairs: readonly CellPair[]): MeasuredChange[] {
	const families = new Map<string, { what: string; place: string; pairs: CellPair[] }>();
	for (const pair of pairs) {
		if (pair.isOtherHost || pair.before.status !== pair.after.status) continue;
		for (const [what, values] of Object.entries(pair.after.measured)) {
			const then = Object.hasOwn(pair.before.measured, what) ? pair.before.measured[what]! : [];
			if (then.length === 0 || values.length === 0) continue;
			const { place } = pair.after.identity;
			const family = families.get(`${place}\n${what}`) ?? { what, place, pairs: [] };
			family.pairs.push(pair);
			families.set(`${place}\n${what}`, family);
		}
	}
	const tests = [...families.values()].map(family => testOf(family.what, family.pairs));
	const certain = significant(
		tests.map(one => one.probability),
		alpha,
	);
	return [...families.values()].map(({ what, place, pairs: members }, index) => {
		const { before, after, ratio, probability } = tests[index]!;
		const enough = leastProbability(before, after) <= alpha / families.size;
		const changed = cellsChanged(what, members, families.size);
		const isChanged = certain[index]! && isEffect(ratio);
		return {
			...{ what, place, cells: members.length, values: { before, after }, ratio, probability, changed },
			state:
				isChanged || changed.length > 0
					? ('changed' as const)
					: enough
						? ('unchanged' as const)
						: ('not-enough' as const),
			...(enough ? {} : { needed: neededFor(alpha / families.size) }),
		};
	});
}

const isEffect = (ratio: number) => Math.abs(Math.log(ratio)) >= Math.log(1 + leastEffect);

/** Returns a value for each run: the median over its cells, each relative to that cell's median on both sides. */
function testOf(what: string, pairs: readonly CellPair[]) {
	const values = pairs.map(({ before, after }) => ({ before: before.measured[what]!, after: after.measured[what]! }));
	const [before, after] = (['before', 'after'] as const).map(side =>
		Math.min(...values.map(value => value[side].length)),
	) as [number, number];
	const run = (side: 'before' | 'after', at: number) =>
		median(values.map(value => value[side].at(at - value[side].length)! / median([...value.before, ...value.after])));
	const runs = (side: 'before' | 'after', count: number) => Array.from({ length: count }, (_, at) => run(side, at));
	const ratio = median(values.map(value => median(value.after) / median(value.before)));
	return { before, after, ratio, probability: rankTest(runs('before', before), runs('after', after)) };
}

function cellsChanged(what: string, pairs: readonly CellPair[], families: number): MeasuredChange['changed'] {
	const tests = pairs.map(({ before, after }) => rankTest(before.measured[what]!, after.measured[what]!));
	const certain = significant(tests, alpha / families);
	return pairs.flatMap(({ before, after }, index) => {
		const [was, is] = [median(before.measured[what]!), median(after.measured[what]!)];
		return certain[index]! && isEffect(is / was) ? [{ id: after.id, before: was, after: is }] : [];
	});
}

function neededFor(level: number): number {
	let count = 1;
	while (leastProbability(count, count) > level && count < 100) count++;
	return count;
}
