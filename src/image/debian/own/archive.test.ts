import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { UsageError, VpmuError } from '../../../lib/errors.ts';
import { openCache } from '../../cache/cache.ts';
import { makeFakeDeb, makeFakeKey, writeFakeSuite } from '../../testing/fake-archive.ts';
import { startFakeMirror } from '../../testing/fake-mirror.ts';
import { openOwnArchive } from './archive.ts';

const [key, other] = [await makeFakeKey(), await makeFakeKey()];

interface Prepared {
	readonly folder: string;
	readonly env: Record<string, string>;
	readonly notices: string[];
	readonly requests: readonly string[];
	/** What the mirror answers instead of its files. */
	answer?: (path: string, response: ServerResponse) => boolean;
}

/** A signed archive with package `a`, which depends on `b`, on a mirror. */
async function prepare(t: ExecutionContext, change: Parameters<typeof writeFakeSuite>[4] = {}): Promise<Prepared> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	const packages = [
		makeFakeDeb(folder, 'a', { depends: 'b', files: { 'usr/bin/a': 'program', 'usr/share/x': 'data' } }),
		makeFakeDeb(folder, 'b', { files: { 'usr/lib/b': 'library' } }),
	].join('');
	await writeFakeSuite(folder, 'trixie', packages, key, change);
	writeFileSync(path.join(folder, 'keys.gpg'), key.binary);
	const prepared: Prepared = { folder, env: {}, notices: [], requests: [] };
	const mirror = await startFakeMirror((asked, response) => {
		if (prepared.answer?.(asked, response) === true) return true;
		const file = path.join(folder, asked.replace('/debian', ''));
		if (!existsSync(file)) return false;
		response.end(readFileSync(file));
		return true;
	});
	t.teardown(() => mirror[Symbol.asyncDispose]());
	const env = {
		...{ VPMU_CACHE: path.join(folder, 'cache'), VPMU_DEBIAN_MIRROR: mirror.uri },
		VPMU_DEBIAN_KEYRING: path.join(folder, 'keys.gpg'),
	};
	return Object.assign(prepared, { env, requests: mirror.requests });
}

async function archiveOf({ env, notices }: Prepared) {
	const cache = await openCache({ env, onProgress: item => void ('notice' in item && notices.push(item.notice)) });
	return await openOwnArchive(cache, 'trixie', 'arm64');
}

/** Does all that is done with a mirror. @returns the unpacked files */
async function useAll(prepared: Prepared): Promise<string[]> {
	const archive = await (await archiveOf(prepared)).update(false);
	const set = await archive.resolve(['a']);
	const to = path.join(prepared.folder, 'debs');
	await archive.download(set, to);
	for (const { file } of set) await archive.unpack(path.join(to, file), path.join(to, file.slice(0, 1)));
	return readdirSync(path.join(to, 'a', 'usr'), { recursive: true, encoding: 'utf8' }).sort();
}

test('packages come from a signed mirror without apt and dpkg, and suites with fixes may be absent', async t => {
	const prepared = await prepare(t);
	const archive = await (await archiveOf(prepared)).update(false);
	t.deepEqual(archive.absent, ['trixie-updates', 'trixie-security']);
	t.regex(prepared.notices.join(), /has no trixie-security .*: packages come without security fixes/);
	const set = await archive.resolve(['a']);
	t.deepEqual(
		set.map(({ name, version, file }) => [name, version, file]),
		[
			['a', '1:1.0-1', 'a_1%3a1.0-1_all.deb'],
			['b', '1:1.0-1', 'b_1%3a1.0-1_all.deb'],
		],
	);
	const asked = prepared.requests.length;
	await (await archiveOf(prepared)).update(false);
	t.is(prepared.requests.length, asked, 'the index is not read again within a day');
	await (await archiveOf(prepared)).update(true);
	t.false(
		prepared.requests.slice(asked).some(one => one.includes('Packages')),
		'an index that is the same is kept',
	);
});

test('what was fetched is unpacked', async t => {
	const prepared = await prepare(t);
	t.deepEqual(await useAll(prepared).catch(error => [String(error)]), ['bin', 'bin/a', 'share', 'share/x']);
});

const dated = (text: string) => text.replace(/^Date/m, 'Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC\nDate');
const replace = (from: RegExp, to: string) => ({ before: (text: string) => text.replace(from, to) });

for (const [what, change, message] of [
	[
		'an expired Release',
		{ before: dated },
		/Release file for 'trixie' that was valid until Sat, 01 Jan 2022 00:00:00 UTC/,
	],
	[
		'the Release of another suite',
		replace(/trixie/, 'bookworm'),
		/offers a Release file for 'trixie' that is of 'stable' or 'bookworm'$/,
	],
	['a Release without a date', replace(/^Date.*\n/m, ''), /that has no date$/],
	['a Release without SHA-256', replace(/SHA256/, 'MD5Sum'), /that lists no files with SHA-256$/],
	[
		'a Release changed after it was signed',
		{ after: (text: string) => text.replace('Debian', 'debian') },
		/bad signature by/,
	],
	['an unsigned Release', { after: (text: string) => text.split('\n\n')[1]! }, /it is not one signed message$/],
	[
		'a hash that does not fit',
		replace(/ [0-9a-f]{8}(?=.*Packages\.xz)/, ' 00000000'),
		/Packages\.xz has SHA-256 \w+, but the signed index says 00000000/,
	],
	[
		'a size that does not fit',
		replace(/ \d+(?= main.*Packages\.xz)/, ' 7'),
		/has more than the 7 bytes that are allowed$/,
	],
	[
		'an index that unpacks to more',
		replace(/ \d+(?= main\/binary-arm64\/Packages\n)/, ' 7'),
		/the package index of trixie unpacks to more than 7 bytes$/,
	],
	[
		'an index that unpacks to something else',
		replace(/ [0-9a-f]{8}(?=.*Packages\n)/, ' 00000000'),
		/package index of trixie has SHA-256/,
	],
] as const) {
	test(`refused: ${what}`, async t => {
		const prepared = await prepare(t, change);
		const error = await t.throwsAsync(useAll(prepared), { instanceOf: VpmuError });
		t.regex(error.message, message);
		t.is(error.blame, 'host');
		t.false(existsSync(path.join(prepared.folder, 'debs')), 'no package was fetched');
	});
}

test('refused: a key that is not in the keyring, named with the keyring', async t => {
	const prepared = await prepare(t);
	writeFileSync(prepared.env.VPMU_DEBIAN_KEYRING!, other.binary);
	const error = await t.throwsAsync(useAll(prepared), { instanceOf: VpmuError });
	t.regex(
		error.message,
		/^no key in \S+keys\.gpg vouches for http\S+\/dists\/trixie\/InRelease: it is signed by key \w{16}/,
	);
});

test('refused: a package with another content, a cut one, and one that is longer', async t => {
	const prepared = await prepare(t);
	const deb = path.join(prepared.folder, 'pool/b_1.0-1_all.deb');
	const whole = readFileSync(deb);
	const changed = Buffer.from(whole);
	changed[changed.length - 1]! ^= 1;
	for (const [bytes, message] of [
		[changed, /b_1\.0-1_all\.deb has SHA-256 \w+, but the signed index says/],
		[whole.subarray(0, 100), /has 100 bytes, but the signed index says/],
		[Buffer.concat([whole, whole]), /has more than the \d+ bytes that are allowed/],
	] as const) {
		writeFileSync(deb, bytes);
		const error = await t.throwsAsync(useAll(prepared), { instanceOf: VpmuError });
		t.regex(error.message, message);
		t.false(readdirSync(path.join(prepared.folder, 'debs')).includes('b_1%3a1.0-1_all.deb'), 'nothing of it is kept');
	}
});

test('a connection that breaks is tried again; a mirror that is gone leaves the old index in use', async t => {
	const prepared = await prepare(t);
	let broken = 0;
	prepared.answer = (asked, response) => {
		if (!asked.endsWith('Packages.xz') || broken++ > 0) return false;
		response.writeHead(200, { 'content-length': '1000' });
		response.write('x', () => response.destroy());
		return true;
	};
	await (await archiveOf(prepared)).update(false);
	t.is(broken, 2);
	prepared.answer = (_, response) => {
		response.writeHead(503).end();
		return true;
	};
	const old = await (await archiveOf(prepared)).update(true);
	t.is((await old.resolve(['a'])).length, 2);
	t.regex(prepared.notices.join(), /Could not refresh the package index of trixie \(.*the mirror answers 503/);
	rmSync(path.join(prepared.folder, 'cache'), { recursive: true });
	const error = await t.throwsAsync(useAll(prepared), { instanceOf: VpmuError });
	t.regex(error.message, /^cannot fetch http\S+InRelease: the mirror answers 503/);
});

test('redirects are followed, but neither for ever nor to a file of this machine', async t => {
	const prepared = await prepare(t);
	const to = (target: (asked: string) => string) => {
		prepared.answer = (asked, response) => {
			if (asked.includes('moved')) return false;
			response.writeHead(302, { location: target(asked) }).end();
			return true;
		};
	};
	to(asked => `${asked}?moved`);
	await t.throwsAsync(useAll(prepared), { instanceOf: UsageError }, 'the fake mirror has no such file');
	to(asked => asked);
	t.regex((await t.throwsAsync(useAll(prepared)))!.message, /InRelease redirects too often$/);
	to(() => 'file:///etc/passwd');
	t.regex(
		(await t.throwsAsync(useAll(prepared)))!.message,
		/cannot fetch file:\/\/\/etc\/passwd: allowed are http, https/,
	);
});

test('a suite that the mirror does not have is bad input, and a mirror may be a folder', async t => {
	const prepared = await prepare(t);
	const cache = await openCache({ env: prepared.env });
	const absent = (await openOwnArchive(cache, 'trixy', 'arm64')).update(false);
	t.regex((await t.throwsAsync(absent, { instanceOf: UsageError })).message, /has no suite 'trixy' for arm64/);
	await t.throwsAsync(openOwnArchive(cache, 'Trixie; rm', 'arm64'), { instanceOf: UsageError });
	Object.assign(prepared.env, { VPMU_DEBIAN_MIRROR: `file://${prepared.folder}` });
	t.is((await useAll(prepared)).length, 4);
});

test('the source of a package is its newest upstream archive and its description, each verified', async t => {
	const prepared = await prepare(t);
	const { folder, env } = prepared;
	const stanza = (version: string, files: Record<string, string>, name = 'qemu') => {
		const lines = Object.entries(files).map(([file, text]) => {
			mkdirSync(path.join(folder, 'pool/q'), { recursive: true });
			writeFileSync(path.join(folder, 'pool/q', file), text);
			return ` ${createHash('sha256').update(text).digest('hex')} ${text.length} ${file}`;
		});
		return `Package: ${name}\nVersion: ${version}\nDirectory: pool/q\nChecksums-Sha256:\n${lines.join('\n')}\n`;
	};
	const sources = path.join(folder, 'dists/trixie/main/source');
	mkdirSync(sources, { recursive: true });
	const files = { 'qemu_2.dsc': 'Version: 2', 'qemu_2.orig.tar.xz': 'upstream', 'qemu_2.debian.tar.xz': 'debian' };
	const texts = [
		stanza('1', { 'qemu_1.orig.tar.xz': 'old' }),
		stanza('2', files),
		stanza('3', { 'x.dsc': 'x' }, 'qemu-x'),
	];
	writeFileSync(path.join(sources, 'Sources'), texts.join('\n'));
	await writeFakeSuite(folder, 'trixie', '', key);
	const archive = await (await openOwnArchive(await openCache({ env }), 'trixie', 'amd64')).update(false).catch(String);
	t.regex(String(archive), /has no suite 'trixie' for amd64/);
	const own = await (await archiveOf(prepared)).update(false);
	const to = path.join(folder, 'source');
	mkdirSync(to);
	await own.source('qemu', to);
	t.deepEqual(readdirSync(to).sort(), ['qemu_2.dsc', 'qemu_2.orig.tar.xz']);
	await t.throwsAsync(own.source('qem', to), {
		instanceOf: UsageError,
		message: /has no source of 'qem' in suite 'trixie'/,
	});
	writeFileSync(path.join(folder, 'pool/q/qemu_2.orig.tar.xz'), 'hostile!');
	await t.throwsAsync(own.source('qemu', to), { instanceOf: VpmuError, message: /qemu_2\.orig\.tar\.xz has SHA-256/ });
	t.deepEqual(readdirSync(to).sort(), ['qemu_2.dsc']);
});

test('an abort ends a fetch', async t => {
	const prepared = await prepare(t);
	const controller = new AbortController();
	prepared.answer = () => {
		controller.abort(new Error('enough'));
		return true;
	};
	const cache = await openCache({ env: prepared.env, signal: controller.signal });
	await t.throwsAsync((await openOwnArchive(cache, 'trixie', 'arm64')).update(false), { message: 'enough' });
});
