import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { spawnLocal } from './process.ts';

test('output written before a program ended can be read after it ended', async t => {
	await using child = await spawnLocal(['sh', '-c', 'echo out; echo err >&2']);
	await child.exited;
	await delay(50);
	const [stdout, stderr] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
	t.is(Buffer.concat(stdout as Buffer[]).toString(), 'out\n');
	t.is(Buffer.concat(stderr as Buffer[]).toString(), 'err\n');
});
