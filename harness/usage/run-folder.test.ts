import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { runFolder } from './run-folder.ts';

test('a run folder is a folder that exists', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	writeFileSync(path.join(folder, 'file'), '');
	symlinkSync('loop', path.join(folder, 'loop'));
	t.is(runFolder('.', folder), folder);
	for (const missing of ['none', 'loop', 'file/run']) {
		t.throws(() => runFolder(missing, folder), { message: `there is no run folder '${missing}'` });
	}
	t.throws(() => runFolder('file', folder), { message: "'file' is a file; expected the folder of a run" });
});
