import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { VpmuError } from '../../lib/errors.ts';
import { whileRoom } from './full-disk.ts';

const endless = (signal: AbortSignal) =>
	delay(2 ** 30, undefined, { signal }).catch(() => Promise.reject(signal.reason));

test('work on a disk that stays full is aborted, with what to do', async t => {
	const error = await t.throwsAsync(
		whileRoom('/cache', undefined, endless, { free: async () => 4096, intervalMs: 1 }),
		{ instanceOf: VpmuError },
	);
	t.is(error!.message, "the disk is full: '/cache' cannot be written (VPMU_CACHE names another folder)");
	t.is(error!.blame, 'host');
});

test('a disk that is full for a moment, or cannot be asked, aborts nothing', async t => {
	let looks = 0;
	const free = async () => {
		looks += 1;
		if (looks % 3 === 0) throw new Error('no such folder');
		return 0;
	};
	const work = async (signal: AbortSignal) => {
		while (looks < 12) await delay(1, undefined, { signal });
		return 'done';
	};
	t.is(await whileRoom('/cache', undefined, work, { free, intervalMs: 1 }), 'done');
});

test("the caller's signal still aborts", async t => {
	const stop = new AbortController();
	const work = whileRoom('/', stop.signal, endless);
	stop.abort(new Error('stopped'));
	await t.throwsAsync(work, { message: 'stopped' });
});
