import test from 'ava';
import type { Host } from '../../../src/host/index.ts';
import { Known } from './known.ts';

/** A host that answers, or not. */
const hostThat = (answers: boolean) =>
	({ name: 'board:one', run: async () => ({ status: answers ? 0 : 255 }) }) as unknown as Host;

/** Makes a number that counts how often it was made. */
const counter = () => {
	let made = 0;
	return async () => ++made;
};

test('each thing is made once, and a failure is kept too, until renewed', async t => {
	const known = new Known();
	const make = counter();
	t.deepEqual(await Promise.all([known.once('a', make), known.once('a', make)]), [1, 1]);
	let tries = 0;
	const fail = async () => {
		if (tries++ === 0) throw new Error('no');
		return 'yes';
	};
	await t.throwsAsync(known.once('b', fail), { message: 'no' });
	await t.throwsAsync(known.once('b', fail), { message: 'no' });
	await known.renew();
	t.is(await known.once('b', fail), 'yes');
	t.is(await known.once('a', make), 1);
});

test('what is on one copy of a board is not on another, and goes with the copy', async t => {
	const known = new Known();
	const make = counter();
	const first = await known.host('board:one', async () => hostThat(true));
	const second = await known.host('board:one#1', async () => hostThat(true));
	t.deepEqual([await known.onceOn(first, 'qemu', make), await known.onceOn(second, 'qemu', make)], [1, 2]);
	t.is(await known.forgetHost('board:one'), first);
	t.is(await known.forgetHost('board:one'), undefined);
	t.deepEqual([await known.onceOn(first, 'qemu', make), await known.onceOn(second, 'qemu', make)], [3, 2]);
});

test('after a renewal, a host that does not answer is made again, with what was on it', async t => {
	const known = new Known();
	const make = counter();
	const lost = await known.host('ssh://lab', async () => hostThat(false));
	const well = await known.host('local', async () => hostThat(true));
	await known.onceOn(lost, 'kernel', make);
	await known.onceOn(well, 'kernel', make);
	await known.renew();
	const again = await known.host('ssh://lab', async () => hostThat(true));
	t.not(again, lost);
	t.is(await known.host('local', async () => hostThat(true)), well);
	t.is(await known.onceOn(again, 'kernel', make), 3);
	t.is(await known.onceOn(well, 'kernel', make), 2);
});
