import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { entriesBelow } from './walk.ts';

test('links to folders are listed but not entered, so that loops end', async t => {
	const { path: outside, cleanup: first } = await dir({ unsafeCleanup: true });
	const { path: folder, cleanup: second } = await dir({ unsafeCleanup: true });
	t.teardown(first);
	t.teardown(second);
	writeFileSync(path.join(outside, 'not ours'), '');
	mkdirSync(path.join(folder, 'sub'));
	writeFileSync(path.join(folder, 'sub/file'), '');
	symlinkSync(outside, path.join(folder, 'link'));
	symlinkSync('..', path.join(folder, 'sub/loop'));
	const names = entriesBelow(folder).map(entry => path.relative(folder, path.join(entry.parentPath, entry.name)));
	t.deepEqual(names.sort(), ['link', 'sub', 'sub/file', 'sub/loop']);
});
