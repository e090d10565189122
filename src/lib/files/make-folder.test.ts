import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { dir } from 'tmp-promise';
import { makeFolder, makeFolderSync } from './make-folder.ts';
import { entriesBelow } from './walk.ts';

for (const [name, make] of [
	['makeFolder', makeFolder],
	['makeFolderSync', async (...given: Parameters<typeof makeFolderSync>) => makeFolderSync(...given)],
] as const) {
	test(`${name}: missing parents are made, with the mode, and existing folders are kept`, async t => {
		const { path: root, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		await make(path.join(root, 'a/b/c'), { mode: 0o700 });
		t.deepEqual(
			['a', 'a/b', 'a/b/c'].map(one => statSync(path.join(root, one)).mode & 0o777),
			[0o700, 0o700, 0o700],
		);
		await make(path.join(root, 'a/b'), { mode: 0o755 });
		t.is(statSync(path.join(root, 'a/b')).mode & 0o777, 0o700);
		symlinkSync('a', path.join(root, 'link'));
		await make(path.join(root, 'link'));
		await make(path.join(root, 'link/d'));
		t.true(statSync(path.join(root, 'a/d')).isDirectory());
	});

	test(`${name}: where no folder can be made it fails instead of trying forever`, async t => {
		for (const place of ['/proc/x', '/proc/x/y/z', '/proc/self/x', '/sys/x', '/dev/null/x', '/dev/null']) {
			const error = await t.throwsAsync(make(place), undefined, place);
			t.regex((error as NodeJS.ErrnoException).code ?? '', /^(EACCES|EPERM|EROFS|ENOTDIR)$/, place);
		}
	});

	test(`${name}: a file and a dangling link in the way are named`, async t => {
		const { path: root, cleanup } = await dir({ unsafeCleanup: true });
		t.teardown(cleanup);
		writeFileSync(path.join(root, 'file'), '');
		mkdirSync(path.join(root, 'real'));
		symlinkSync('missing', path.join(root, 'dangling'));
		for (const place of ['file', 'file/x', 'dangling', 'dangling/x']) {
			await t.throwsAsync(make(path.join(root, place)), { message: /ENOTDIR|ENOENT|EACCES/ }, place);
		}
	});
}

test("nothing uses Node's recursive mkdir", t => {
	const wrong: string[] = [];
	for (const room of ['src', 'harness', 'images']) {
		const root = path.resolve(import.meta.dirname, '../../..', room);
		for (const entry of entriesBelow(root)) {
			const file = path.join(entry.parentPath, entry.name);
			if (!/\.ts$/.test(file) || /(\.(test|real|full)\.ts|\/testing\/.*)$/.test(file)) continue;
			if (/mkdir(Sync)?\([^;]*recursive/.test(readFileSync(file, 'utf8'))) wrong.push(path.relative(root, file));
		}
	}
	t.deepEqual(wrong, [], "use lib's makeFolder");
});
