import test from 'ava';
import fc from 'fast-check';
import { UsageError } from '../lib/errors.ts';
import type { PlannedCell, RunEvent } from './events.ts';
import { resultsOf } from './fold.ts';
import { divisionName, type GivenPart, mergeRuns } from './merge.ts';
import type { CellResult, CellStatus } from './results.ts';

const merged = { id: 'whole', argv: ['vpmu', 'merge'], vpmu: '1' };
const atSecond = (second: number) => new Date(second * 1000).toISOString();

const planned = (id: string): PlannedCell => ({
	...{ id, case: id, title: id, on: 'local', qemu: 'debian:trixie', accel: 'tcg', machine: 'virt' },
	...{ pmu: null, cpuPmu: null, skip: null },
});

const start = (index: number, count: number, division: string, ids: readonly string[], at = 0): RunEvent => ({
	...{ at: atSecond(at), event: 'run-start', cells: ids.map(planned) },
	run: {
		...{ id: `run-${index}`, startedAt: atSecond(at), argv: ['vpmu', 'run', `${index}`], vpmu: '1' },
		...{ shard: { index, count, division }, labels: { node: `n${index}` } },
	},
});

const end = (id: string, status: CellStatus = 'pass', at = 1): RunEvent => ({
	...{ at: atSecond(at), event: 'cell-end' },
	result: { ...(resultsOf([start(1, 1, '', [id])]).cells[0] as CellResult), status, reason: null, blame: null },
});

/** Parts of a division, each with the cells of its number; all pass. */
function partsWith(cells: readonly (readonly string[])[], division?: string): GivenPart[] {
	const named = cells.flatMap((ids, index) => ids.map(id => [id, index + 1] as const));
	const name = division ?? divisionName(named, cells.length);
	return cells.map((ids, index) => ({
		folder: `part-${index + 1}`,
		events: [
			start(index + 1, cells.length, name, ids, index),
			...ids.map(id => end(id, 'pass', index + 1)),
			{ at: atSecond(index + 9), event: 'run-end', durationMs: 9000, interrupted: false },
		],
	}));
}

const whole = [['a', 'c'], ['b']];

test('all parts become one run, in any order, with the part of each cell', t => {
	const { results, events, interrupted } = mergeRuns(partsWith(whole).reverse(), merged);
	t.deepEqual(
		results.cells.map(({ id, status, part }) => [id, status, part]),
		[
			['a', 'pass', 1],
			['c', 'pass', 1],
			['b', 'pass', 2],
		],
	);
	t.like(results.run, { ...merged, startedAt: atSecond(0), durationMs: 10_000 });
	t.is(results.run.shard, undefined);
	t.deepEqual(
		results.run.parts?.map(({ index, id, labels }) => [index, id, labels]),
		[
			[1, 'run-1', { node: 'n1' }],
			[2, 'run-2', { node: 'n2' }],
		],
	);
	t.deepEqual(resultsOf(events), results, 'the events of the merged run say the same');
	t.false(interrupted);
});

test('with the plan, cells are in its order', t => {
	const parts = partsWith(whole);
	const division = divisionName(
		[
			['a', 1],
			['c', 1],
			['b', 2],
		],
		2,
	);
	const { results } = mergeRuns(parts, merged, { division, cells: ['a', 'b', 'c'].map(id => ({ id })) });
	t.deepEqual(
		results.cells.map(({ id }) => id),
		['a', 'b', 'c'],
	);
});

test('a part that was killed has errors, one that was interrupted has skips, and the whole says so', t => {
	const [first, second] = partsWith(whole) as [GivenPart, GivenPart];
	const killed = { ...first, events: first.events.slice(0, 2) };
	const stopped: GivenPart = {
		...second,
		events: [second.events[0]!, { at: atSecond(3), event: 'run-end', durationMs: 2, interrupted: true }],
	};
	const { results, events, interrupted } = mergeRuns([killed, stopped], merged);
	t.deepEqual(
		results.cells.map(({ id, status, reason }) => [id, status, reason]),
		[
			['a', 'pass', null],
			['c', 'error', 'never started'],
			['b', 'skip', 'interrupted before it ran'],
		],
	);
	t.true(interrupted);
	t.deepEqual(resultsOf(events), results);
});

test('attempts of a cell stay attempts', t => {
	const parts = partsWith([['a'], ['b']]);
	const [first, second] = parts as [GivenPart, GivenPart];
	const events = [first.events[0]!, end('a', 'error', 1), ...first.events.slice(1)];
	const { results } = mergeRuns([{ ...first, events }, second], merged);
	t.like(results.cells[0], { id: 'a', status: 'pass', flaky: true, attempts: { length: 1 } as never });
});

const [one, two] = partsWith(whole) as [GivenPart, GivenPart];
const three = partsWith([['a'], ['b'], ['c']]);
const withoutShard = ({ events, ...part }: GivenPart): GivenPart => {
	const [first, ...rest] = events as [Extract<RunEvent, { event: 'run-start' }>, ...RunEvent[]];
	const { shard: _, ...run } = first.run;
	return { ...part, events: [{ ...first, run }, ...rest] };
};
const withCells = ({ events, ...part }: GivenPart, ids: readonly string[]): GivenPart => {
	const [first] = events as [Extract<RunEvent, { event: 'run-start' }>];
	return { ...part, events: [{ ...first, cells: ids.map(planned) }, ...ids.map(id => end(id))] };
};

for (const [what, parts, message, plan] of [
	['a missing part', [one], /^part 2\/2 of division \w{16} missing; given: 1\/2 \('part-1'\)$/],
	['two missing parts', [three[1]!], /^parts 1\/3, 3\/3 of division/],
	['a part given twice', [one, two, { ...one, folder: 'again' }], /^part 1\/2 is given twice: 'part-1' and 'again'$/],
	[
		'parts of different divisions',
		[one, partsWith([['a'], ['b', 'c']])[1]!],
		/^'part-2' is part 2\/2 of division \w{16}, but 'part-1' is part 1\/2 of division \w{16}; run every part by the same plan/,
	],
	['parts of another number', [one, three[1]!], /^'part-2' is part 2\/3 of division/],
	['a run that is whole', [one, withoutShard(two)], /^'part-2' is not a part of a run: it was run without --shard$/],
	['a cell in two parts', [one, withCells(two, ['b', 'c'])], /^cell 'c' stands twice: in 'part-1' and in 'part-2'$/],
	['a cell that was removed', [withCells(one, ['a']), two], /^the parts do not contain the cells of division/],
	['a cell that was added', [withCells(one, ['a', 'c', 'd']), two], /a cell was removed, added or moved$/],
	[
		'cells that were swapped',
		[withCells(one, ['a', 'b']), withCells(two, ['c'])],
		/a cell was removed, added or moved$/,
	],
	['nothing', [], /^no run to merge was given$/],
	[
		'a cell that the plan names',
		[withCells(one, ['a']), two],
		/^cell 'c' of division \w{16} is missing/,
		{
			division: divisionName(
				[
					['a', 1],
					['c', 1],
					['b', 2],
				],
				2,
			),
			cells: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
		},
	],
	[
		'another plan',
		[one, two],
		/^the parts are division \w{16}, but the plan of option '--plan' is division other$/,
		{ division: 'other', cells: [] },
	],
] as const satisfies readonly (readonly [
	string,
	readonly GivenPart[],
	RegExp,
	({ division: string; cells: { id: string }[] } | undefined)?,
])[]) {
	test(`refused by name: ${what}`, t => {
		t.throws(() => mergeRuns(parts, merged, plan), { instanceOf: UsageError, message });
	});
}

test('impossible numbers are refused immediately', t => {
	const at = (index: number, count: number, durationMs = 1): GivenPart => ({
		folder: 'x',
		events: [start(index, count, 'd', ['a']), { at: atSecond(1), event: 'run-end', durationMs, interrupted: false }],
	});
	for (const part of [at(1, 1e15), at(1.5, 2), at(-1, 0), at(7, 1), at(1, 1, 1e300)]) {
		t.throws(() => mergeRuns([part], merged), { instanceOf: UsageError });
	}
	const division = divisionName([['a', 1]], 1);
	const endless: GivenPart = {
		...at(1, 1, 1e300),
		events: [start(1, 1, division, ['a']), ...at(1, 1, 1e300).events.slice(1)],
	};
	t.notThrows(() => mergeRuns([endless], merged));
});

test('any complete division is merged, and refused if a part is missing', t => {
	fc.assert(
		fc.property(
			fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
			fc.nat(),
			(texts, left) => {
				const cells = texts.map((ids, part) => ids.map((id, index) => `${part}-${index}-${id}`));
				const parts = partsWith(cells);
				t.deepEqual(
					mergeRuns(parts, merged).results.cells.map(({ id }) => id),
					cells.flat(),
				);
				const without = parts.filter((_, index) => index !== left % parts.length);
				t.throws(() => mergeRuns(without, merged), { instanceOf: UsageError });
			},
		),
		{ numRuns: 60 },
	);
});
