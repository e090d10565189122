import test from 'ava';
import { measure, spread, timed } from './measure.ts';

test('median and quartiles are interpolated', t => {
	t.deepEqual(spread([3, 1, 2]), { median: 2, lowerQuartile: 1.5, upperQuartile: 2.5 });
	t.deepEqual(spread([4, 1, 3, 2]), { median: 2.5, lowerQuartile: 1.75, upperQuartile: 3.25 });
	t.deepEqual(spread([7]), { median: 7, lowerQuartile: 7, upperQuartile: 7 });
});

test('contenders take turns in changing order, and are compared round by round', async t => {
	const order: string[] = [];
	// The machine slows down: all rates fall, but their ratio stays.
	let slowness = 1;
	const contender = (name: string, elapsedMs: number) => ({
		...{ name, how: 'by hand' },
		turn: async () => {
			order.push(name);
			slowness *= 1.001;
			return { operations: 10, elapsedMs: elapsedMs * slowness, cpuMs: 1 };
		},
	});
	const done: number[] = [];
	const measured = await measure(
		[contender('base', 10), { ...contender('ours', 5), withinMs: 0.1 }],
		[
			{ of: 'ours', to: 'base', wanted: 1.9 },
			{ of: 'base', to: 'ours', wanted: 0.9 },
			{ of: 'base', to: 'ours' },
			{ of: 'ours', to: 'absent', wanted: 1 },
		],
		{ rounds: 4, warmUp: 2, onRound: round => done.push(round) },
	);
	t.is(order.join(' '), 'base ours ours base base ours ours base base ours ours base');
	t.deepEqual(done, [1, 2, 3, 4]);
	t.deepEqual(
		measured.ratios.map(({ met }) => met),
		[true, false, null],
	);
	t.true(Math.abs(measured.ratios[0]!.median - 2) < 0.01);
	t.deepEqual(
		measured.figures.map(({ name, met, cpuUs }) => ({ name, met, cpuUs })),
		[
			{ name: 'base', met: null, cpuUs: 100 },
			{ name: 'ours', met: false, cpuUs: 100 },
		],
	);
});

test('an abort takes effect between two turns', async t => {
	const controller = new AbortController();
	let turns = 0;
	const turn = async () => {
		if (++turns === 3) controller.abort();
		return { operations: 1, elapsedMs: 1 };
	};
	const measuring = measure([{ name: 'a', how: '', turn }], [], { rounds: 10, signal: controller.signal });
	await t.throwsAsync(measuring, { name: 'AbortError' });
	t.is(turns, 3);
});

test('work in this process is timed by its CPU time', async t => {
	const { operations, elapsedMs, cpuMs } = await timed(7, async () => {
		const until = performance.now() + 20;
		while (performance.now() < until);
	});
	t.is(operations, 7);
	t.true(elapsedMs >= 20);
	t.true(cpuMs! > 0);
});
