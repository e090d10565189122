import { readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { writeWhole, writeWholeSync } from './whole-file.ts';

test('a file that cannot be written is named as it was asked for, without the temporary file', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const file = path.join(folder, 'absent', 'file.json');
	const error = await t.throwsAsync(writeWhole(file, ''), { code: 'ENOENT' });
	t.is(error.message, `ENOENT: no such file or directory, open '${file}'`);
	t.is((error as NodeJS.ErrnoException).path, file);
	t.is(t.throws(() => writeWholeSync(file, ''))?.message, error.message);
	t.deepEqual(readdirSync(folder), []);
});
