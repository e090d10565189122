import { spawn } from 'node:child_process';
import test from 'ava';
import { poll } from '../lib/waiting/deadline.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import { Demand, untilIdle } from './demand.ts';

test('a busy process wants a CPU, however few it gets; a sleeping one wants none', async t => {
	const busy = spawn('sh', ['-c', 'while :; do :; done']);
	t.teardown(() => busy.kill('SIGKILL'));
	const demand = new Demand(busy.pid!);
	t.is(await demand.look(), undefined);
	const share = await poll('demand', async () => ((await demand.look()) ?? 0) > 0.5 || undefined, {
		timeoutMs: 30_000 * contention(),
		everyMs: 200,
	});
	t.true(share);
	await t.throwsAsync(untilIdle(busy.pid!, { share: 0.05, looks: 2, unknown: 'idle' }, { timeoutMs: 1500 }), {
		message: /end of its work/,
	});

	const sleeping = spawn('sleep', ['600']);
	t.teardown(() => sleeping.kill('SIGKILL'));
	await t.notThrowsAsync(
		untilIdle(sleeping.pid!, { share: 0.05, looks: 2, unknown: 'busy' }, { timeoutMs: 60_000 * contention() }),
	);
});

test('a process that is gone wants nothing', async t => {
	const demand = new Demand(2 ** 30);
	await demand.look();
	t.is(await demand.look(), undefined);
	await t.notThrowsAsync(
		untilIdle(2 ** 30, { share: 0.05, looks: 1, unknown: 'idle' }, { timeoutMs: 10_000 * contention() }),
	);
	await t.throwsAsync(untilIdle(2 ** 30, { share: 0.05, looks: 1, unknown: 'busy' }, { timeoutMs: 1000 }), {
		message: /end of its work/,
	});
});
