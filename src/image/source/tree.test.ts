import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { openQemuSource } from './tree.ts';

test('a FIFO in a source folder is refused by name, and not waited for', async t => {
	const { path: folder, cleanup } = await dir({ prefix: 'vpmu-tree-', unsafeCleanup: true });
	t.teardown(cleanup);
	mkdirSync(path.join(folder, 'target/arm'), { recursive: true });
	for (const [name, text] of Object.entries({ VERSION: '10.9.9\n', configure: '', 'target/arm/kvm.c': '' })) {
		writeFileSync(path.join(folder, name), text);
	}
	t.true((await openQemuSource(folder)).hash.length === 64);
	const fifo = path.join(folder, 'target/fifo');
	execFileSync('mkfifo', [fifo]);
	await t.throwsAsync(openQemuSource(folder), {
		message: `'${fifo}' is neither a file nor a folder nor a link: it cannot be built from`,
	});
});
