import test from 'ava';
import { contention, contentionOf, FairClock, Silence } from './fair-clock.ts';

test('contention is the number of running tasks per CPU, now or in the last minute', t => {
	t.is(contentionOf('0.10 0.20 0.30 1/158 22128', 2), 1);
	t.is(contentionOf('8.00 4.00 3.00 3/158 22128', 2), 4);
	t.is(contentionOf('1.00 4.00 3.00 13/158 22128', 2), 6);
	t.is(contentionOf('2.10 4.00 3.00 3/158 22128', 2), 2);
	t.is(contentionOf('900.00 4.00 3.00 13/158 22128', 2), 30);
	t.is(contentionOf('', 2), 1);
	t.true(contention() >= 1);
});

function clockOf(longestStepMs = 100) {
	const world = { nowMs: 1000, share: 1 };
	return { world, clock: new FairClock({ longestStepMs, now: () => world.nowMs, share: () => world.share }) };
}

test('a fair clock stops with its process, and runs slower on a shared machine', t => {
	const { world, clock } = clockOf();
	world.nowMs += 60;
	t.is(clock.look(), 60);
	world.nowMs += 60_000;
	t.is(clock.look(), 160);
	world.share = 4;
	world.nowMs += 80;
	t.is(clock.look(), 180);
	t.is(clock.look(), 180);
});

test('silence lasts until the next sign of life, by the fair clock', t => {
	const { world, clock } = clockOf();
	const silence = new Silence(clock);
	const lengths = [1, 1, 1, 2, 2].map(sign => {
		world.nowMs += 50;
		return silence.lengthMs(sign);
	});
	t.deepEqual(lengths, [0, 50, 100, 0, 50]);
	const from = new Silence(clock, 2);
	world.nowMs += 50;
	t.is(from.lengthMs(2), 50);
});
