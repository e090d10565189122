import test from 'ava';
import { Slots } from './slots.ts';

test('claims are served in order and never exceed the total', async t => {
	const slots = new Slots(2);
	const order: string[] = [];
	const claim = async (name: string, weight: number) => {
		const release = await slots.claim('', weight);
		order.push(name);
		return release;
	};
	const first = await claim('first', 1);
	const heavy = claim('heavy', 2);
	const light = claim('light', 1);
	await new Promise(setImmediate);
	t.deepEqual(order, ['first'], 'a light claim does not overtake a heavy one that is waiting');
	first();
	const releaseHeavy = await heavy;
	t.deepEqual(order, ['first', 'heavy']);
	releaseHeavy();
	(await light)();
	t.deepEqual(order, ['first', 'heavy', 'light']);
});

test('releasing twice gives back only once', async t => {
	const slots = new Slots(1);
	const release = await slots.claim('', 1);
	release();
	release();
	await slots.claim('', 1);
	let served = false;
	void slots.claim('', 1).then(() => {
		served = true;
	});
	await new Promise(setImmediate);
	t.false(served);
});

test('an aborted claim leaves the queue and lets the next one through', async t => {
	const slots = new Slots(2);
	const release = await slots.claim('', 1);
	const abort = new AbortController();
	const heavy = slots.claim('', 2, abort.signal);
	const light = slots.claim('', 1);
	abort.abort(new Error('no longer wanted'));
	await t.throwsAsync(heavy, { message: 'no longer wanted' });
	(await light)();
	release();
	t.is(typeof (await slots.claim('', 2)), 'function');
});

test('a claim larger than the total gets everything', async t => {
	const slots = new Slots(2);
	const release = await slots.claim('', 5);
	let served = false;
	const next = slots.claim('', 1).then(() => {
		served = true;
	});
	await new Promise(setImmediate);
	t.false(served);
	release();
	await next;
	t.true(served);
});

test('the best match is served first, a claim that does not match waits, and no claim waits forever', async t => {
	const rank = (claim: string, held: readonly string[]) => (held.includes(claim) ? Infinity : claim === 'b' ? 0 : 1);
	const slots = new Slots<string>(2, { rank, patience: 2 });
	const order: string[] = [];
	const claim = async (name: string) => {
		const release = await slots.claim(name, 1);
		order.push(name);
		return release;
	};
	const first = await claim('a');
	const second = claim('a');
	const others = ['c', 'b', 'b'].map(claim);
	await new Promise(setImmediate);
	t.deepEqual(order, ['a', 'c'], 'a second claim for the same thing does not match while the first is held');
	(await others[0]!)();
	(await others[1]!)();
	await new Promise(setImmediate);
	t.deepEqual(order, ['a', 'c', 'b', 'b'], 'it is not served beside the first, however often it was overtaken');
	first();
	(await second)();
	t.deepEqual(order, ['a', 'c', 'b', 'b', 'a'], 'it is served once the first is free');
	(await others[2]!)();
});

test('a claim that was overtaken often enough is served before a better match', async t => {
	const rank = (claim: string) => (claim === 'late' ? 0 : 1);
	const slots = new Slots<string>(1, { rank, patience: 2 });
	const order: string[] = [];
	const claim = async (name: string) => {
		const release = await slots.claim(name, 1);
		order.push(name);
		release();
	};
	const release = await slots.claim('held', 1);
	const all = ['early', 'late', 'late', 'late'].map(claim);
	release();
	await Promise.all(all);
	t.deepEqual(order, ['late', 'late', 'early', 'late']);
});

test('a large claim that waits for what is held lets others pass, and then has its turn', async t => {
	const rank = (claim: string, held: readonly string[]) => (held.includes(claim) ? Infinity : 0);
	const slots = new Slots<string>(2, { rank, patience: 1 });
	const release = await slots.claim('a', 1);
	let isServed = false;
	const large = slots.claim('a', 2).then(free => {
		isServed = true;
		return free;
	});
	for (let turn = 0; turn < 5; turn++) (await slots.claim('b', 1))();
	t.false(isServed);
	release();
	(await large)();
});

test('a claim that matches nothing runs alone', async t => {
	const slots = new Slots<string>(2, { rank: () => Infinity, patience: 100 });
	const release = await slots.claim('a', 1);
	let served = false;
	const next = slots.claim('b', 1).then(() => {
		served = true;
	});
	await new Promise(setImmediate);
	t.false(served);
	release();
	await next;
	t.true(served);
});

test('a claim that matches is not overtaken without end because another one waits before it', async t => {
	const rank = (claim: string, held: readonly string[]) => (claim === 'busy' && held.includes('busy') ? Infinity : 0);
	const slots = new Slots<string>(2, { rank, patience: 2 });
	const release = await slots.claim('busy', 1);
	const waiting = slots.claim('busy', 1);
	let isServed = false;
	const large = slots.claim('large', 2).then(free => {
		isServed = true;
		return free;
	});
	const order: boolean[] = [];
	const small = Array.from({ length: 5 }, async () => {
		const free = await slots.claim('small', 1);
		order.push(isServed);
		free();
	});
	await new Promise(setImmediate);
	t.deepEqual(order, [false, false], 'two pass, then the large one has its turn');
	release();
	(await waiting)();
	(await large)();
	await Promise.all(small);
	t.deepEqual(order, [false, false, true, true, true]);
});
