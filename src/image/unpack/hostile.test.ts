import { spawnSync } from 'node:child_process';
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { dir } from 'tmp-promise';
import { VpmuError } from '../../lib/errors.ts';
import { unpackDeb } from './deb.ts';
import { UnpackedFolder } from './folder.ts';
import { readTar } from './tar.ts';

async function folderOf(t: ExecutionContext): Promise<string> {
	const { path: folder, cleanup } = await dir({ unsafeCleanup: true });
	t.teardown(cleanup);
	return folder;
}

interface Member {
	readonly name: string;
	readonly type?: string;
	readonly target?: string;
	readonly content?: string;
	readonly size?: number;
}

/** A tar archive. A member's header may lie about its size, type and target. */
function tarOf(...members: Member[]): Buffer {
	const blocks = members.map(({ name, type = '0', target = '', content = '', size = content.length }) => {
		const header = Buffer.alloc(512);
		header.write(name, 0, 100);
		header.write('0000644\0', 100);
		header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
		header.write(' '.repeat(8), 148);
		header.write(type, 156);
		header.write(target, 157, 100);
		header.write('ustar\u000000', 257);
		const sum = header.reduce((all, byte) => all + byte, 0);
		header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
		return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
	});
	return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A Debian package around a tar archive. */
function debOf(data: Buffer, name = 'data.tar.gz'): Buffer {
	const member = (file: string, content: Buffer) =>
		Buffer.concat([
			Buffer.from(`${file.padEnd(16)}${'0'.padEnd(32)}${String(content.length).padEnd(10)}\`\n`),
			content,
			Buffer.from(content.length % 2 === 1 ? '\n' : ''),
		]);
	const parts = [
		member('debian-binary', Buffer.from('2.0\n')),
		member('control.tar.gz', gzipSync('')),
		member(name, data),
	];
	return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

const hostile: readonly [string, Member[], RegExp][] = [
	[
		'a path with ..',
		[{ name: './usr/../../evil' }],
		/contains the path '\.\/usr\/\.\.\/\.\.\/evil', which leads out of it/,
	],
	['an absolute path', [{ name: '/tmp/evil' }], /contains the path '\/tmp\/evil', which leads out of it/],
	[
		'a path through a link',
		[{ name: 'out', type: '2', target: '/tmp' }, { name: 'out/evil' }],
		/contains the path 'out', which leads through a link/,
	],
	[
		'a path through a link, by a folder',
		[{ name: 'out', type: '2', target: '..' }, { name: 'out/', type: '5' }, { name: 'out/evil' }],
		/which leads through a link/,
	],
	['a device', [{ name: 'dev/sda', type: '4' }], /contains 'dev\/sda', which is neither a file, a folder nor a link/],
	['a FIFO', [{ name: 'fifo', type: '6' }], /neither a file, a folder nor a link/],
	['a hard link to outside', [{ name: 'x', type: '1', target: '../../etc/passwd' }], /leads out of it/],
	['a hard link to an absolute path', [{ name: 'x', type: '1', target: '/etc/passwd' }], /leads out of it/],
	[
		'a hard link through a link',
		[
			{ name: 'etc', type: '2', target: '/etc' },
			{ name: 'x', type: '1', target: 'etc/passwd' },
		],
		/leads through a link/,
	],
	[
		'a hard link to a link',
		[
			{ name: 'y', type: '2', target: '/etc/passwd' },
			{ name: 'x', type: '1', target: 'y' },
		],
		/a hard link to no file in it/,
	],
	[
		'a file over a link',
		[
			{ name: 'x', type: '2', target: '/tmp/evil' },
			{ name: 'x', content: 'evil' },
		],
		/contains 'x' twice/,
	],
	['a file twice', [{ name: 'x' }, { name: './x' }], /contains '\.\/x' twice/],
	['a file where the folder is', [{ name: './' }, { name: '.' }], /'\.', which is not a folder/],
	['a size beyond the archive', [{ name: 'x', size: 100_000_000 }], /not a whole tar archive: it ends early/],
	['a giant header', [{ name: 'x', type: 'x', size: 2 ** 30 }], /a header has 1073741824 bytes/],
	[
		'a long name by pax with ..',
		[{ name: 'h', type: 'x', content: '18 path=../../evil\n' }, { name: 'x' }],
		/leads out of it/,
	],
	['a long name by GNU with ..', [{ name: 'h', type: 'L', content: '../evil\0' }, { name: 'x' }], /leads out of it/],
];

for (const [what, members, message] of hostile) {
	test(`refused in a package: ${what}`, async t => {
		const folder = await folderOf(t);
		const deb = path.join(folder, 'evil.deb');
		writeFileSync(deb, debOf(gzipSync(tarOf(...members))));
		const to = path.join(folder, 'inner', 'to');
		const error = await t.throwsAsync(unpackDeb(deb, to, 'evil.deb'), { instanceOf: VpmuError });
		t.regex(error.message, message);
		t.regex(error.message, /^evil\.deb /);
		t.is(error.blame, 'host');
		t.deepEqual(readdirSync(folder).sort(), ['evil.deb', 'inner']);
		t.deepEqual(readdirSync(path.join(folder, 'inner')), ['to']);
		t.false(existsSync('/tmp/evil'));
	});
}

test('a cut or damaged package is refused at every length, and never by a hang', async t => {
	const folder = await folderOf(t);
	const whole = debOf(gzipSync(tarOf({ name: 'a', content: 'x'.repeat(3000) }, { name: 'b', content: 'y' })));
	for (let length = 0; length < whole.length - 1; length += 37) {
		const deb = path.join(folder, `${length}.deb`);
		writeFileSync(deb, whole.subarray(0, length));
		await t.throwsAsync(unpackDeb(deb, path.join(folder, `to-${length}`), 'it'), { instanceOf: VpmuError });
	}
	const flipped = Buffer.from(whole);
	flipped[flipped.length - 40]! ^= 0xff;
	writeFileSync(path.join(folder, 'flipped.deb'), flipped);
	await t.throwsAsync(unpackDeb(path.join(folder, 'flipped.deb'), path.join(folder, 'to'), 'it'), {
		instanceOf: VpmuError,
	});
});

test('more members or bytes than allowed are refused', async t => {
	const folder = await folderOf(t);
	const unpack = async (entries: number, bytes: number) => {
		const to = path.join(folder, String(bytes));
		mkdirSync(to);
		const unpacked = new UnpackedFolder(to, 'it', { entries, bytes });
		const tar = tarOf({ name: 'd/', type: '5' }, { name: 'd/a', content: 'x'.repeat(1000) });
		for await (const entry of readTar(
			(async function* () {
				yield tar;
			})(),
			'it',
		))
			await unpacked.add(entry);
	};
	await t.throwsAsync(unpack(1, 1e6), { message: 'it contains more than 1 members' });
	await t.throwsAsync(unpack(9, 999), { message: 'it contains more than 999 bytes' });
});

test('a package of another format is named as such', async t => {
	const folder = await folderOf(t);
	const refused = async (bytes: Buffer, message: RegExp) => {
		writeFileSync(path.join(folder, 'x.deb'), bytes);
		const error = await t.throwsAsync(unpackDeb(path.join(folder, 'x.deb'), path.join(folder, 'x'), 'x.deb'));
		t.regex(error.message, message);
	};
	await refused(Buffer.from('PK'), /^x\.deb is not a Debian package: it is not an ar archive$/);
	await refused(debOf(gzipSync(''), 'data.tar.lzma'), /it is packed as 'data\.tar\.lzma'; allowed: xz, zst, gz$/);
	await refused(debOf(gzipSync(''), 'nothing'), /it has no files$/);
});

for (const compression of ['xz', 'zstd', 'gzip', 'none']) {
	test(`what dpkg-deb packs with ${compression} is unpacked as dpkg-deb does it`, async t => {
		const folder = await folderOf(t);
		const tree = path.join(folder, 'tree');
		const long = `usr/${'long-folder-name/'.repeat(12)}`;
		for (const made of ['DEBIAN', 'usr/bin', 'etc', long, 'empty'])
			mkdirSync(path.join(tree, made), { recursive: true });
		writeFileSync(
			path.join(tree, 'DEBIAN/control'),
			'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n',
		);
		writeFileSync(path.join(tree, 'usr/bin/tool'), Buffer.alloc(300_001, 'ab'), { mode: 0o4755 });
		writeFileSync(path.join(tree, long, `${'n'.repeat(120)}é`), 'long');
		writeFileSync(path.join(tree, 'etc/empty'), '');
		symlinkSync('/usr/bin/tool', path.join(tree, 'etc/link'));
		symlinkSync(`../${long}/${'n'.repeat(120)}`, path.join(tree, 'etc/long-link'));
		const deb = path.join(folder, 'x.deb');
		const run = (...argv: string[]) => spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
		t.is(run('ln', path.join(tree, 'usr/bin/tool'), path.join(tree, 'usr/bin/same')).status, 0);
		t.is(run('dpkg-deb', '--root-owner-group', `-Z${compression}`, '--build', tree, deb).status, 0);
		const [theirs, ours] = [path.join(folder, 'theirs'), path.join(folder, 'ours')];
		t.is(run('dpkg-deb', '--extract', deb, theirs).status, 0);
		await unpackDeb(deb, ours, 'x.deb');
		t.is(run('diff', '-r', '--no-dereference', theirs, ours).stdout, '');
		t.is(readlinkSync(path.join(ours, 'etc/link')), '/usr/bin/tool');
		t.is(statSync(path.join(ours, 'usr/bin/tool')).mode & 0o7777, 0o755, 'without setuid');
		t.is(statSync(path.join(ours, 'usr/bin/tool')).nlink, 2);
		t.is(readFileSync(path.join(ours, 'usr/bin/same')).length, 300_001);
	});
}
