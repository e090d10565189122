import test from 'ava';
import fc from 'fast-check';
import { compareSides } from '../compare.ts';
import { sideOf } from '../side/side.ts';
import { runOf } from '../testing/cells.ts';
import { leastProbability, median, rankTest, significant } from './statistics.ts';

test('the rank test agrees with published tables and with exhaustive enumeration', t => {
	// Mann and Whitney 1947: for 4 and 4 values, the least two-sided probability is 2/70.
	t.is(rankTest([1, 2, 3, 4], [5, 6, 7, 8]), 2 / 70);
	t.is(leastProbability(4, 4), 2 / 70);
	t.is(rankTest([1, 2, 3], [1, 2, 3]), 1);
	t.is(rankTest([], [1]), 1);
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }),
			fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 }),
			(before, after) => Math.abs(rankTest(before, after) - byCounting(before, after)) < 1e-9,
		),
	);
	// If there are too many divisions to enumerate, the normal approximation is close.
	const many = Array.from({ length: 30 }, (_, at) => at);
	t.true(
		rankTest(
			many,
			many.map(value => value + 100),
		) < 1e-9,
	);
	t.true(
		rankTest(
			many,
			many.map(value => value + 0.5),
		) > 0.5,
	);
	t.is(rankTest(new Array(30).fill(1), new Array(30).fill(1)), 1);
});

/** The same by brute force: U for every way to divide the values. */
function byCounting(before: readonly number[], after: readonly number[]): number {
	const all = [...before, ...after];
	const u = (chosen: readonly number[], others: readonly number[]) =>
		chosen.reduce((sum, a) => sum + others.reduce((more, b) => more + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
	const middle = (before.length * after.length) / 2;
	const away = Math.abs(u(before, after) - middle);
	let [extreme, total] = [0, 0];
	for (let mask = 0; mask < 1 << all.length; mask++) {
		const chosen = all.filter((_, at) => (mask >> at) & 1);
		if (chosen.length !== before.length) continue;
		total++;
		const others = all.filter((_, at) => !((mask >> at) & 1));
		if (Math.abs(u(chosen, others) - middle) >= away - 1e-9) extreme++;
	}
	return extreme / total;
}

test("over many random tests, Holm's method rarely finds a difference", t => {
	t.deepEqual(significant([0.001, 0.04, 0.03], 0.05), [true, false, false]);
	t.deepEqual(significant([0.001, 0.01, 0.02], 0.05), [true, true, true]);
	t.deepEqual(significant([], 0.05), []);
	t.is(median([3, 1, 2]), 2);
	t.is(median([4, 1, 2, 3]), 2.5);
});

/** Makes runs of ten cells with about the same boot time, and deterministic noise. */
const runs = (count: number, seed: number, factor: (cell: number) => number) =>
	sideOf(
		Array.from({ length: count }, (_, run) =>
			runOf(
				...Array.from({ length: 10 }, (_, cell) => ({
					axes: [`pmu=${cell}`],
					bootMs: 1000 * (1 + cell) * (1 + (((run + seed) * 7 + cell * 3) % 11) / 100) * factor(cell),
				})),
			),
		),
	);

test('two measurements decide nothing: the report says how many are needed', t => {
	const [boot] = compareSides(
		runs(1, 0, () => 1),
		runs(1, 0, () => 10),
	).measurements;
	t.like(boot, { state: 'not-enough', needed: 4, changed: [], probability: 1 });
	t.is(boot!.ratio.toFixed(1), '10.0');
});

test('with enough runs, a shift of all cells is found; noise and tiny shifts are not reported', t => {
	const state = (factor: number) =>
		compareSides(
			runs(6, 0, () => 1),
			runs(6, 3, () => factor),
		).measurements[0]?.state;
	t.is(state(1), 'unchanged');
	t.is(state(1.02), 'unchanged');
	t.is(state(1.3), 'changed');
	t.is(state(0.7), 'changed');
});

test('one outlier decides nothing', t => {
	const wild = sideOf([...Array.from({ length: 5 }, () => runOf({ bootMs: 1000 })), runOf({ bootMs: 1_000_000 })]);
	t.is(
		compareSides(sideOf(Array.from({ length: 6 }, () => runOf({ bootMs: 1000 }))), wild).measurements[0]?.state,
		'unchanged',
	);
});

test('one slow cell among ten is found by itself, and named', t => {
	const [boot] = compareSides(
		runs(12, 0, () => 1),
		runs(12, 5, cell => (cell === 4 ? 1.5 : 1)),
	).measurements;
	t.is(boot?.state, 'changed');
	t.deepEqual(
		boot?.changed.map(({ id }) => id),
		['pmu/a[uniform,debian:trixie,virt,pmu=4]'],
	);
});

test('counts are compared by event, using the smallest of each run', t => {
	const side = (...counts: number[]) =>
		sideOf(
			counts.map(count =>
				runOf({
					counts: [
						['instructions', count],
						['instructions', count * 2],
					],
				}),
			),
		);
	const [count] = compareSides(side(100, 101, 102, 103), side(200, 201, 202, 203)).measurements;
	t.like(count, { what: 'count of instructions', state: 'changed', values: { before: 4, after: 4 } });
});
