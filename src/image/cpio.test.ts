import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dir } from 'tmp-promise';
import { type CpioEntry, joinInitramfs, readCpio, writeCpio } from './cpio.ts';

const part = fc.stringMatching(/^[a-zA-Z0-9_+~é][a-zA-Z0-9_.+~é-]{0,12}$/);
/** Leaf names that cannot clash with folder names: folders begin with `d`, leaves do not. */
const leafPath = fc
	.tuple(
		fc.array(
			part.map(name => `d${name}`),
			{ maxLength: 3 },
		),
		part.map(name => `f${name}`),
	)
	.map(([folders, name]) => [...folders, name].join('/'));
const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
	fc.record({ path: leafPath, mode: fc.integer({ min: 0, max: 0o7777 }), content: fc.uint8Array({ maxLength: 600 }) }),
	fc.record({ path: leafPath, symlink: part }),
	fc.record({ path: leafPath, directory: fc.constant(true as const), mode: fc.constant(0o755) }),
);
const entries = fc.uniqueArray(entry, { selector: item => item.path, maxLength: 20 });

test('what is written is read back unchanged', t => {
	fc.assert(
		fc.property(entries, items => {
			const members = readCpio(writeCpio(items));
			for (const item of items) {
				const member = members.find(candidate => candidate.path === item.path);
				t.truthy(member);
				if ('content' in item) t.deepEqual(Buffer.from(member!.data), Buffer.from(item.content));
				if ('symlink' in item) t.is(Buffer.from(member!.data).toString(), item.symlink);
				if ('mode' in item) t.is(member!.mode & 0o7777, item.mode);
			}
			const names = members.map(member => member.path);
			for (const [index, name] of names.entries()) {
				const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
				t.true(parent === '' || names.indexOf(parent) < index, `${parent} stands before ${name}`);
			}
		}),
		{ numRuns: 200 },
	);
});

test('the order of the input does not matter', t => {
	fc.assert(
		fc.property(entries, items => {
			t.deepEqual(writeCpio(items), writeCpio(items.toReversed()));
		}),
	);
});

test('cpio(1) unpacks our archives', async t => {
	let has = true;
	try {
		execFileSync('cpio', ['--version'], { stdio: 'ignore' });
	} catch {
		has = false;
	}
	if (!has) {
		t.log('no cpio here');
		t.true(readCpio(writeCpio([{ path: 'a', content: 'x' }])).length === 1);
		return;
	}
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const items: CpioEntry[] = [
		{ path: 'a/b/c', content: 'odd length', mode: 0o640 },
		{ path: 'a/empty', content: '' },
		{ path: 'a/link', symlink: 'b/c' },
		{ path: 'run', mode: 0o755, content: Buffer.alloc(5000, 7) },
	];
	execFileSync('cpio', ['-i', '--quiet', '--make-directories'], { cwd: folder, input: writeCpio(items) });
	t.is(readFileSync(path.join(folder, 'a/link'), 'utf8'), 'odd length');
	t.is(readFileSync(path.join(folder, 'run')).length, 5000);
	t.is(readFileSync(path.join(folder, 'a/empty')).length, 0);
	const list = execFileSync('cpio', ['-tv', '--quiet', '-n'], { input: writeCpio(items), encoding: 'utf8' });
	t.regex(list, /-rw-r----- +1 0 +0 +10 Jan +1 +1970 a\/b\/c/);
	t.regex(list, /lrwxrwxrwx .* a\/link -> b\/c/);
});

test('concatenated archives are read in order, whatever their sizes', async t => {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const target = path.join(folder, 'joined');
	await joinInitramfs(
		[
			writeCpio([{ path: 'x', content: 'first' }]),
			Buffer.from([0, 0, 0]),
			writeCpio([{ path: 'x', content: 'second' }]),
		],
		target,
	);
	const found = readCpio(readFileSync(target)).map(member => Buffer.from(member.data).toString());
	t.deepEqual(found, ['first', 'second']);
});

for (const bad of ['', '/absolute', 'a/../b', 'a//b', './a', 'TRAILER!!!']) {
	test(`the path '${bad}' is refused`, t => {
		t.throws(() => writeCpio([{ path: bad, content: '' }]));
	});
}

test('a truncated archive is not accepted as complete', t => {
	const archive = writeCpio([{ path: 'file', content: Buffer.alloc(2000, 1) }]);
	t.throws(() => readCpio(archive.subarray(0, 1000)), { message: /ends within/ });
	t.throws(() => readCpio(Buffer.from('not an archive')), { message: /no newc header/ });
});
