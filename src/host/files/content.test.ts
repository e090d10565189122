import { chmod, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { hashContent } from './content.ts';

test('the hash depends on names, bytes, modes and links, and on nothing else', async t => {
	const { path: top, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const folder = path.join(top, 'tree');
	await mkdir(path.join(folder, 'a'), { recursive: true });
	await writeFile(path.join(folder, 'a/x'), 'one');
	await symlink('a/x', path.join(folder, 'link'));
	const seen = new Set<string>();
	const note = async (what: string, isNew = true) => {
		const hash = await hashContent(folder);
		t.regex(hash, /^[0-9a-f]{32}$/);
		t.is(!seen.has(hash), isNew, what);
		seen.add(hash);
	};
	await note('first');
	await note('again', false);
	await writeFile(path.join(folder, 'a/x'), 'two');
	await note('bytes');
	await chmod(path.join(folder, 'a/x'), 0o755);
	await note('mode');
	await rename(path.join(folder, 'a/x'), path.join(folder, 'a/y'));
	await note('name');
	await symlink('a/y', path.join(folder, 'other'));
	await note('link');
	await mkdir(path.join(folder, 'empty'));
	await note('empty folder');
});
