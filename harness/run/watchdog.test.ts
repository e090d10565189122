import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { Watchdog } from './watchdog.ts';

test('silence is noticed once; records that grow, words and pauses are no silence', async t => {
	const silent: string[] = [];
	using watchdog = new Watchdog({ everyMs: 20, onSilence: cell => silent.push(cell) });
	const folders = await Promise.all(
		['growing', 'talking', 'paused', 'silent', 'done'].map(async cell => {
			const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
			t.teardown(() => rm(folder, { recursive: true, force: true }));
			return [cell, folder, watchdog.watch(cell, folder, 300)] as const;
		}),
	);
	folders.at(-1)![2][Symbol.dispose]();
	const pause = watchdog.pause('paused');
	for (let i = 0; i < 20; i++) {
		await appendFile(path.join(folders[0]![1], 'console.log'), 'x');
		watchdog.heard('talking');
		await delay(50);
	}
	t.deepEqual(silent, ['silent']);
	pause[Symbol.dispose]();
	await delay(700);
	t.deepEqual(silent.sort(), ['growing', 'paused', 'silent', 'talking']);
});
