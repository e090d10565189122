import test from 'ava';
import { Slots } from './slots.ts';

test('claims are served in order, never more than there is', async t => {
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
	t.deepEqual(order, ['first'], 'a light claim does not overtake a heavy one that waits');
	first();
	const releaseHeavy = await heavy;
	t.deepEqual(order, ['first', 'heavy']);
	releaseHeavy();
	(await light)();
	t.deepEqual(order, ['first', 'heavy', 'light']);
});

test('releasing twice gives back once', async t => {
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

test('a claim larger than everything gets everything', async t => {
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

test('what suits best is served first, what does not suit waits, and nobody is overtaken for ever', async t => {
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
	t.deepEqual(order, ['a', 'c'], 'a second one of the same does not suit beside the first');
	(await others[0]!)();
	(await others[1]!)();
	await new Promise(setImmediate);
	t.deepEqual(order, ['a', 'c', 'b', 'a'], 'and once it has been overtaken twice it is served, if it suits or not');
	first();
	(await second)();
	(await others[2]!)();
	t.deepEqual(order, ['a', 'c', 'b', 'a', 'b']);
});

test('what suits with nothing goes alone', async t => {
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
