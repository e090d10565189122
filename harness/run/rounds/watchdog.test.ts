import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Watchdog } from './watchdog.ts';

/** A watchdog whose clock and checks are driven by the test. */
function watchdogOf(t: ExecutionContext) {
	const world = { nowMs: 0, share: 1 };
	const silent: string[] = [];
	const watchdog = new Watchdog({
		everyMs: 2 ** 31 - 1,
		onSilence: cell => silent.push(cell),
		clock: { longestStepMs: 100, now: () => world.nowMs, share: () => world.share },
	});
	t.teardown(() => watchdog[Symbol.dispose]());
	const folderOf = async () => {
		const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
		t.teardown(() => rm(folder, { recursive: true, force: true }));
		return folder;
	};
	const pass = (ms: number) => {
		world.nowMs += ms;
		watchdog.look();
	};
	return { world, silent, watchdog, folderOf, pass };
}

test('silence is noticed once; growing records, messages and pauses are not silence', async t => {
	const { silent, watchdog, folderOf, pass } = watchdogOf(t);
	const growing = await folderOf();
	watchdog.watch('growing', growing, 300);
	for (const cell of ['talking', 'paused', 'silent']) watchdog.watch(cell, await folderOf(), 300);
	watchdog.watch('done', await folderOf(), 300)[Symbol.dispose]();
	const pause = watchdog.pause('paused');
	for (let i = 0; i < 20; i++) {
		await appendFile(path.join(growing, 'console.log'), 'x');
		watchdog.heard('talking');
		pass(50);
	}
	t.deepEqual(silent, ['silent']);
	pause[Symbol.dispose]();
	for (let i = 0; i < 6; i++) pass(50);
	t.deepEqual(silent, ['silent']);
	for (let i = 0; i < 3; i++) pass(50);
	t.deepEqual(silent.sort(), ['growing', 'paused', 'silent', 'talking']);
});

test('time asleep and delays of a busy machine are not silence', async t => {
	const { world, silent, watchdog, folderOf, pass } = watchdogOf(t);
	watchdog.watch('cell', await folderOf(), 300);
	pass(1_000_000);
	t.deepEqual(silent, []);
	world.share = 10;
	for (let i = 0; i < 19; i++) pass(100);
	t.deepEqual(silent, []);
	pass(100);
	t.deepEqual(silent, []);
	pass(100);
	t.deepEqual(silent, ['cell']);
});
