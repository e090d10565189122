import test from 'ava';
import type { Cell } from '../../plan/plan.ts';
import { orderOfCases, rankOfBoard, shareOut } from './sharing.ts';

/** Cells of cases `name: board x number`. */
const cellsOf = (...cases: [name: string, on: string, number: number][]) =>
	cases.flatMap(([name, on, number]) =>
		Array.from({ length: number }, (_, index) => ({ id: `${name}[${index}]`, case: name, on, skip: null }) as Cell),
	);

test('parallel cells use the boards with most work left, starting with one each', t => {
	const cells = cellsOf(['a', 'board:one', 4], ['b', 'board:two', 8], ['c', 'local', 9]);
	t.deepEqual(shareOut(cells, 2, {}), ['board:two', 'board:one']);
	t.deepEqual(shareOut(cells, 4, {}), ['board:two', 'board:one', 'board:two', 'board:two']);
	t.deepEqual(shareOut(cells, 2, { 'a[0]': 90, 'a[1]': 90, 'b[0]': 10 }), ['board:two', 'board:one']);
	t.deepEqual(shareOut(cells, 2, { 'a[0]': 9000, 'b[0]': 10, 'b[1]': 10 }), ['board:one', 'board:one']);
});

test('an idle copy comes first, then a board without one; a board that boots for another cell comes last', t => {
	const rank = (there: number, copies: number, share: number, isStarting = false) =>
		rankOfBoard({ there, copies, isStarting, share: () => share });
	t.is(rank(0, 1, 0), 0);
	t.is(rank(1, 2, 0), 0);
	t.is(rank(0, 1, 1, true), 0, 'its boot is under way');
	t.is(rank(0, 0, 0), 1, 'it has to be started anyway');
	t.is(rank(1, 1, 2), 1);
	t.is(rank(1, 2, 2, true), 3);
	t.is(rank(1, 1, 2, true), 3);
	t.is(rank(1, 1, 1), Infinity);
	t.is(rank(1, 1, 1, true), Infinity);
});

test('there are never more copies than cells', t => {
	const cells = cellsOf(['a', 'board:one', 1], ['b', 'board:two', 2]);
	t.deepEqual(shareOut(cells, 9, {}).sort(), ['board:one', 'board:two', 'board:two']);
	t.deepEqual(shareOut([{ ...cells[0]!, skip: 'why' }], 2, {}), []);
	t.deepEqual(shareOut(cellsOf(['c', 'ssh://lab', 3]), 2, {}), []);
});

test('cases on different boards alternate; with one job they keep their order', t => {
	const cells = cellsOf(
		['a', 'board:one', 2],
		['b', 'board:one', 2],
		['c', 'board:two', 2],
		['d', 'board:two', 2],
		['e', 'local', 1],
	);
	t.deepEqual(orderOfCases(cells, 2, {}), ['a', 'c', 'b', 'd', 'e']);
	t.deepEqual(orderOfCases(cells, 1, {}), ['a', 'b', 'c', 'd', 'e']);
	t.deepEqual(orderOfCases([...cells].reverse(), 2, {}).sort(), ['a', 'b', 'c', 'd', 'e']);
});
