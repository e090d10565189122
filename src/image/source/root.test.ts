import { lstat, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { finishRoot } from './root.ts';

test('a build root that is assembled again has files of the same time, so that what was built with it stays up to date', async t => {
	const { path: root, cleanup } = await dir({ prefix: 'vpmu-root-', unsafeCleanup: true });
	t.teardown(cleanup);
	await mkdir(path.join(root, 'usr/bin'), { recursive: true });
	await writeFile(path.join(root, 'usr/bin/python3.13'), '');
	await writeFile(path.join(root, 'usr/bin/gawk'), '');
	await symlink('python3.13', path.join(root, 'usr/bin/python3'));
	await finishRoot(root);
	for (const name of ['python3.13', 'python3', 'gawk', 'awk']) {
		const { mtime } = await lstat(path.join(root, 'usr/bin', name));
		t.is(mtime.toISOString(), '2000-01-01T00:00:00.000Z', name);
	}
});
