import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { UsageError } from '../../lib/errors.ts';
import { type Cache, openCache } from '../cache/cache.ts';
import { hostArchitecture } from '../program.ts';
import { exportCache } from './export.ts';
import { importCache } from './import.ts';
import { manifestName } from './manifest.ts';
import { tarEnd, tarMember, tarPadding } from './tar-writer.ts';

async function newCache(t: ExecutionContext): Promise<Cache> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return await openCache({ env: { VPMU_CACHE: path.join(folder, 'cache') } });
}

const pin = {
	...{ suite: 'trixie', architecture: 'arm64', packages: ['p'], suites: ['trixie'], absent: [] },
	resolvedAt: '2026-11-01T00:00:00.000Z',
	set: [{ name: 'p', version: '1', file: 'p_1_arm64.deb', sizeBytes: 1, sha256: '0'.repeat(64) }],
};

/** A cache with a package, an image, and things that stay at home. */
async function filled(t: ExecutionContext): Promise<Cache> {
	const cache = await newCache(t);
	await cache.keep('packages', 'p_1_arm64-000000000000', async to => {
		mkdirSync(path.join(to, `usr/${'long/'.repeat(30)}`), { recursive: true });
		writeFileSync(path.join(to, 'usr/program'), 'program');
		chmodSync(path.join(to, 'usr/program'), 0o755);
		writeFileSync(path.join(to, `usr/${'long/'.repeat(30)}é`), Buffer.alloc(70_000, 'x'));
		symlinkSync('/usr/program', path.join(to, 'absolute'));
		symlinkSync('usr/program', path.join(to, 'relative'));
		return { label: 'p 1', name: 'p' };
	});
	await cache.keep('images', 'guest-1', async to => {
		writeFileSync(to, 'image');
		return { label: 'guest', uses: ['packages/p_1_arm64-000000000000'] };
	});
	await cache.keep('snapshots', 'keys-1', async to => {
		writeFileSync(to, 'secret');
		return { label: 'keys' };
	});
	mkdirSync(path.join(cache.root, 'packages/pins'));
	writeFileSync(path.join(cache.root, 'packages/pins/trixie-arm64-p-1.json'), JSON.stringify(pin));
	return cache;
}

const contents = (cache: Cache) =>
	['packages', 'roots', 'kernels', 'images', 'snapshots'].flatMap(kind =>
		readdirSync(path.join(cache.root, kind)).map(name => `${kind}/${name}`),
	);

test('a cache is the same after it was moved, and keys and snapshots stay at home', async t => {
	const [from, to] = [await filled(t), await newCache(t)];
	const file = path.join(from.root, '../moved.cache');
	const out = await exportCache(from, file, { all: true });
	t.is(out.sha256, createHash('sha256').update(readFileSync(file)).digest('hex'));
	t.deepEqual(await importCache(to, file, out.sha256), out);
	t.deepEqual(
		contents(to),
		contents(from).filter(name => !name.startsWith('snapshots/')),
	);
	const places = [from, to].map(one => path.join(one.root, 'packages/p_1_arm64-000000000000'));
	const diff = spawnSync('diff', ['-r', '--no-dereference', ...places]);
	t.is(diff.stdout.toString(), '');
	const fresh = await openCache({ env: to.env });
	t.true(await fresh.has('images', 'guest-1'));
	t.true(await fresh.has('packages', 'p_1_arm64-000000000000'));
	t.deepEqual(await fresh.record('images', 'guest-1'), await from.record('images', 'guest-1'));
	t.deepEqual(JSON.parse(readFileSync(path.join(to.root, 'packages/pins/trixie-arm64-p-1.json'), 'utf8')), pin);
	t.deepEqual(readdirSync(path.join(to.root, 'tmp')), []);
	t.is(spawnSync('tar', ['-tf', '-'], { input: zstdDecompressSync(readFileSync(file)) }).status, 0, 'tar reads it');
});

test('only what was used is moved by default', async t => {
	const from = await openCache({ env: (await filled(t)).env });
	await from.has('images', 'guest-1');
	const file = path.join(from.root, '../moved.cache');
	await exportCache(from, file, { all: false });
	const to = await newCache(t);
	await importCache(to, file);
	t.deepEqual(contents(to), ['packages/pins', 'images/guest-1', 'images/guest-1.json']);
	t.deepEqual(readdirSync(path.join(to.root, 'packages/pins')), []);
});

interface Hostile {
	readonly members?: readonly Parameters<typeof tarMember>[0][];
	readonly manifest?: object;
	readonly content?: string;
	readonly more?: Buffer;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A file as export writes it, with one file `roots/r`, and something wrong with it. */
function hostileFile({ members = [], manifest = {}, content = 'r', more = tarEnd() }: Hostile): Buffer {
	const text = JSON.stringify({
		...{ schema: 'vpmu-cache/1', architecture: hostArchitecture(), exportedAt: '', pins: {} },
		entries: [
			{ kind: 'roots', name: 'r', others: 9, record: {}, files: [{ path: '', sizeBytes: 1, sha256: sha256('r') }] },
		],
		...manifest,
	});
	const file = (name: string, body: string) => {
		const sizeBytes = Buffer.byteLength(body);
		return [tarMember({ path: name, kind: 'file', mode: 0o644, sizeBytes }), Buffer.from(body), tarPadding(sizeBytes)];
	};
	const parts = [...file(manifestName, text), ...members.map(tarMember), ...file('roots/r', content), more];
	return zstdCompressSync(Buffer.concat(parts));
}

const entry = (name: string, kind = 'roots') => ({ kind, name, others: 0, record: {}, files: [] });
const link = (place: string, target: string) =>
	({ members: [{ path: place, kind: 'link', mode: 0o777, target }] }) as const;

const cases: readonly [string, Hostile | Buffer, RegExp][] = [
	[
		'a path out of the cache',
		{ members: [{ path: 'roots/../../evil', kind: 'folder', mode: 0o755 }] },
		/which its manifest does not list/,
	],
	[
		'a path out of an entry',
		{ members: [{ path: 'roots/r/../../evil', kind: 'folder', mode: 0o755 }] },
		/leads out of it/,
	],
	[
		'an absolute path',
		{ members: [{ path: '/evil', kind: 'folder', mode: 0o755 }] },
		/which its manifest does not list/,
	],
	[
		'an entry that is not listed',
		{ members: [{ path: 'roots/q', kind: 'folder', mode: 0o755 }] },
		/'roots\/q', which its manifest does not/,
	],
	[
		'a link out of its entry',
		link('roots/r/x', '../../..'),
		/a link out of its entry, 'roots\/r\/x' to '\.\.\/\.\.\/\.\.'/,
	],
	['an absolute link in a root', link('roots/r/x', '/etc/passwd'), /a link out of its entry/],
	['a link for an entry', link('roots/r', 'x'), /a link out of its entry/],
	['another content', { content: 'q' }, /contains 'roots\/r' with another hash than its manifest says/],
	['less than is listed', {}, /lacks folders or links of 'roots\/r'/],
	['a private kind', { manifest: { entries: [entry('keys-1', 'snapshots')] } }, /manifest|vpmu-cache\.json/],
	['a reserved name', { manifest: { entries: [entry('pins', 'packages')] } }, /'packages\/pins' is not an entry/],
	['a name that is a path', { manifest: { entries: [entry('../x')] } }, /vpmu-cache\.json/],
	['a name of a record', { manifest: { entries: [entry('r.json')] } }, /vpmu-cache\.json/],
	['a pin that is a path', { manifest: { pins: { '../../x': pin } } }, /vpmu-cache\.json/],
	[
		'a pin with a file that is a path',
		{ manifest: { pins: { x: { ...pin, set: [{ ...pin.set[0], file: '../x.deb' }] } } } },
		/vpmu-cache\.json/,
	],
	['an entry twice', { manifest: { entries: [entry('r'), entry('r')] } }, /lists 'roots\/r' twice/],
	[
		'another architecture',
		{ manifest: { architecture: 'riscv64' } },
		/was written on riscv64, and its programs do not run on/,
	],
	['another schema', { manifest: { schema: 'vpmu-cache/9' } }, /vpmu-cache\.json/],
	['no end', { more: Buffer.alloc(0) }, /is not a whole tar archive: it ends early/],
	['something else', Buffer.from('PK\x03\x04'), /is damaged \(zst\)/],
	['an empty file', Buffer.alloc(0), /./],
	['something else, compressed', zstdCompressSync('hello'), /is not a whole tar archive/],
];

for (const [what, hostile, message] of cases) {
	test(`refused, and nothing of it is added: ${what}`, async t => {
		const cache = await newCache(t);
		const file = path.join(cache.root, '../evil.cache');
		writeFileSync(file, Buffer.isBuffer(hostile) ? hostile : hostileFile(hostile));
		const error = await t.throwsAsync(importCache(cache, file), { instanceOf: UsageError });
		t.regex(error.message, message);
		t.true(error.message.includes(file), error.message);
		t.deepEqual(contents(cache), []);
		t.deepEqual(readdirSync(path.join(cache.root, 'tmp')), []);
		t.deepEqual(readdirSync(path.join(cache.root, '..')).sort(), ['cache', 'evil.cache']);
		t.false(existsSync('/evil'));
	});
}

test('a file that was cut or changed anywhere is refused as a whole', async t => {
	const from = await filled(t);
	const file = path.join(from.root, '../moved.cache');
	await exportCache(from, file, { all: true });
	const whole = readFileSync(file);
	for (let at = 20; at < whole.length; at += Math.ceil(whole.length / 12)) {
		for (const bytes of [whole.subarray(0, at), Buffer.from(whole).fill(whole[at]! ^ 0x55, at, at + 1)]) {
			const cache = await newCache(t);
			writeFileSync(file, bytes);
			await t.throwsAsync(importCache(cache, file), { instanceOf: UsageError });
			t.deepEqual(contents(cache), []);
		}
	}
	writeFileSync(file, whole);
	const error = await t.throwsAsync(importCache(await newCache(t), file, '0'.repeat(64)), { instanceOf: UsageError });
	t.regex(error.message, /has SHA-256 \w{64}, and not 0{64} as option '--hash' says/);
});

test('an entry that the cache has is kept, and a damaged one is replaced', async t => {
	const [from, to] = [await filled(t), await newCache(t)];
	const file = path.join(from.root, '../moved.cache');
	await exportCache(from, file, { all: true });
	await importCache(to, file);
	writeFileSync(path.join(to.root, 'images/guest-1'), 'cut');
	const program = path.join(to.root, 'packages/p_1_arm64-000000000000/usr/program');
	writeFileSync(program, 'PROGRAM');
	await importCache(await openCache({ env: to.env }), file);
	t.is(readFileSync(path.join(to.root, 'images/guest-1'), 'utf8'), 'image');
	t.is(readFileSync(program, 'utf8'), 'PROGRAM', 'of the same size, so it was not looked into');
});

test('a file that cannot be written or read is bad input', async t => {
	const cache = await newCache(t);
	const to = path.join(cache.root, 'absent/moved.cache');
	const written = await t.throwsAsync(exportCache(cache, to, { all: true }), { instanceOf: UsageError });
	t.is(written.message, `cannot write '${to}': ENOENT: no such file or directory, open '${to}'`);
	const read = await t.throwsAsync(importCache(cache, to), { instanceOf: UsageError });
	t.regex(read.message, /^cannot read '.*absent\/moved\.cache': ENOENT/);
	await t.throwsAsync(importCache(cache, '/dev/null'), { message: /is not a file that 'vpmu cache export' wrote/ });
	await t.throwsAsync(importCache(cache, cache.root), { message: /is not a file that 'vpmu cache export' wrote/ });
});
