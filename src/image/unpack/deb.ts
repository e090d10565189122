import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { harmless } from '../../lib/text/streams.ts';
import { type Compression, decompressed } from './decompress.ts';
import { packageLimits, UnpackedFolder } from './folder.ts';
import { readTar } from './tar.ts';

const magic = '!<arch>\n';
const headerBytes = 60;
/** A package has three members, and may have further ones that begin with `_`. */
const mostMembers = 20;

/**
 * Unpacks the files of a Debian package (deb(5)) into a new folder, as `dpkg-deb --extract` does, but without owners and without the
 * setuid, setgid and sticky bits. Runs nothing of the package.
 *
 * @param what names the package in errors
 * @throws VpmuError (blame `host`) when it is damaged, or has a member that leads out of the folder, or a device
 */
export async function unpackDeb(file: string, to: string, what: string): Promise<void> {
	const { start, end, compression } = await dataOf(file, what);
	await makeFolder(to);
	const folder = new UnpackedFolder(to, what);
	const packed = harmless(createReadStream(file, { start, end: end - 1, highWaterMark: 1 << 18 }));
	try {
		const tar = decompressed(packed, compression, what, packageLimits.bytes * 2);
		for await (const entry of readTar(tar, what)) await folder.add(entry);
	} finally {
		packed.destroy();
	}
}

/** Finds the member with the files (ar(5)). */
async function dataOf(file: string, what: string): Promise<{ start: number; end: number; compression: Compression }> {
	const refused = (why: string) => new VpmuError(`${what} is not a Debian package: ${why}`, { blame: 'host' });
	await using handle = await open(file);
	const { size } = await handle.stat();
	const read = async (at: number, count: number) => {
		const { buffer, bytesRead } = await handle.read(Buffer.alloc(count), 0, count, at);
		return buffer.toString('latin1', 0, bytesRead);
	};
	if ((await read(0, magic.length)) !== magic) throw refused('it is not an ar archive');
	let at = magic.length;
	for (let member = 0; member < mostMembers && at + headerBytes <= size; member++) {
		const header = await read(at, headerBytes);
		const [, name = '', length] = /^(.{16}).{32}(\d{1,10}) *`\n$/s.exec(header) ?? [];
		const start = at + headerBytes;
		const end = start + Number(length);
		if (length === undefined || end > size) throw refused('it ends early, or a header is damaged');
		const plain = name.trimEnd().replace(/\/$/, '');
		if (member === 0 && (plain !== 'debian-binary' || !(await read(start, 4)).startsWith('2.'))) {
			throw refused('its format is not 2.x');
		}
		const [, compression] = /^data\.(tar|tar\.(?:xz|zst|gz))$/.exec(plain) ?? [];
		if (compression !== undefined)
			return { start, end, compression: compression.replace(/^tar\.(?=.)/, '') as Compression };
		if (plain.startsWith('data.')) throw refused(`it is packed as '${plain}'; allowed: xz, zst, gz`);
		at = end + (end % 2);
	}
	throw refused('it has no files');
}
