import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { janitor } from './workspace.ts';

test('an owner that is killed before it hears of its folder leaves none', async t => {
	const { path: root, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	// A pipe whose reader is gone, as after SIGKILL.
	const pipe = path.join(root, 'pipe');
	execFileSync('mkfifo', [pipe]);
	const reader = openSync(pipe, 'r+');
	const writer = openSync(pipe, 'w');
	closeSync(reader);
	const folder = path.join(root, 'folder');
	const child = spawn('sh', ['-c', janitor, 'vpmu-janitor', folder], { stdio: ['pipe', writer, 'ignore'] });
	closeSync(writer);
	child.stdin?.end();
	const [status, signal] = await once(child, 'exit');
	t.deepEqual([status, signal], [0, null]);
	t.false(existsSync(folder));
});
