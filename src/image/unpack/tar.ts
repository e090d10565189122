import { VpmuError } from '../../lib/errors.ts';
import { Pieces } from './pieces.ts';

/** A member of a tar archive. */
export type TarEntry = { readonly path: string; readonly mode: number } & (
	| { readonly kind: 'folder' }
	| { readonly kind: 'link'; readonly target: string }
	| { readonly kind: 'hard link'; readonly target: string }
	| { readonly kind: 'file'; readonly sizeBytes: number; readonly content: AsyncIterable<Buffer> }
);

const block = 512;
/** Longest name that an archive may give, and largest header of further attributes. */
const longestName = 4096;
const largestHeader = 1 << 20;

const kinds: Readonly<Record<string, TarEntry['kind']>> = {
	'0': 'file',
	'\0': 'file',
	'7': 'file',
	'1': 'hard link',
	'2': 'link',
	'5': 'folder',
};

/**
 * Reads a tar archive (POSIX.1-2001 pax, ustar, and GNU's long names; tar(5)), member by member. The content of a file must be
 * read before the next member is asked for, or it is skipped. Paths and targets are as they are in the archive: who unpacks
 * must check them.
 *
 * @param what names the archive in errors
 * @throws VpmuError (blame `host`) when it is damaged, or has a device or anything else that is neither file, folder nor link
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<TarEntry> {
	const pieces = new Pieces(source);
	const damaged = (why: string) => new VpmuError(`${what} is not a whole tar archive: ${why}`, { blame: 'host' });
	const take = async (count: number) => {
		const bytes = await pieces.take(count);
		if (bytes === undefined) throw damaged('it ends early');
		return bytes;
	};
	/** What headers before a member say of it. */
	let ahead: { path?: string; target?: string; size?: number } = {};
	for (;;) {
		const header = await take(block);
		if (header.every(byte => byte === 0)) {
			// Two empty blocks end an archive; GNU tar pads it.
			await pieces.skipAll();
			return;
		}
		if (!checksumFits(header)) throw damaged('a header has a wrong checksum');
		const type = String.fromCharCode(header[156]!);
		const size = ahead.size ?? number(header.subarray(124, 136));
		if (size === undefined) throw damaged('a header has no size');
		const padding = (block - (size % block)) % block;
		if (type === 'L' || type === 'K' || type === 'x' || type === 'g') {
			if (size > largestHeader) throw damaged(`a header has ${size} bytes`);
			const text = (await take(size)).toString();
			await take(padding);
			if (type === 'L') ahead = { ...ahead, path: cString(text) };
			else if (type === 'K') ahead = { ...ahead, target: cString(text) };
			else if (type === 'x') ahead = { ...ahead, ...attributesOf(text) };
			continue;
		}
		const prefix =
			header.toString('latin1', 257, 262) === 'ustar' && header[263] === 0x30 ? field(header, 345, 155) : '';
		const name = field(header, 0, 100);
		const path = ahead.path ?? (prefix === '' ? name : `${prefix}/${name}`);
		const target = ahead.target ?? field(header, 157, 100);
		const mode = (number(header.subarray(100, 108)) ?? 0) % 0o10000;
		ahead = {};
		const kind = kinds[type];
		if (path.length > longestName || target.length > longestName) throw damaged('a name is too long');
		if (kind === undefined) {
			throw new VpmuError(
				`${what} contains '${path}', which is neither a file, a folder nor a link (type ${JSON.stringify(type)})`,
				{ blame: 'host' },
			);
		}
		if (kind === 'folder') yield { path, mode, kind };
		else if (kind === 'link' || kind === 'hard link') yield { path, mode, kind, target };
		// Older archives mark folders by the end of their name only.
		else if (path.endsWith('/')) yield { path, mode, kind: 'folder' };
		else {
			const rest = { left: size };
			yield { path, mode, kind, sizeBytes: size, content: pieces.read(rest, () => damaged('it ends early')) };
			if (!(await pieces.skip(rest.left))) throw damaged('it ends early');
			await take(padding);
			continue;
		}
		if (!(await pieces.skip(size + padding))) throw damaged('it ends early');
	}
}

function checksumFits(header: Buffer): boolean {
	let sum = 8 * 0x20;
	for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
	return number(header.subarray(148, 156)) === sum;
}

/** An octal number, or a binary one as GNU tar writes large ones. */
function number(bytes: Buffer): number | undefined {
	if (bytes[0] === 0x80) {
		const large = bytes.readBigUInt64BE(bytes.length - 8);
		return large <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(large) : undefined;
	}
	const digits = /^ *([0-7]+)[ \0]*$/.exec(bytes.toString('latin1'))?.[1];
	return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

const cString = (text: string) => text.split('\0', 1)[0]!;

const field = (header: Buffer, start: number, length: number) =>
	cString(header.toString('utf8', start, start + length));

/** Attributes of a pax header: lines `LENGTH NAME=VALUE`. */
function attributesOf(text: string): { path?: string; target?: string; size?: number } {
	const found: { path?: string; target?: string; size?: number } = {};
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.length; ) {
		const [, length] = /^(\d{1,7}) /.exec(bytes.toString('latin1', at, at + 9)) ?? [];
		const end = at + Number(length);
		if (length === undefined || Number(length) < length.length + 3 || end > bytes.length) break;
		const line = bytes.toString('utf8', at + length.length + 1, end - 1);
		const equals = line.indexOf('=');
		const [name, value] = [line.slice(0, equals), line.slice(equals + 1)];
		if (name === 'path') found.path = value;
		else if (name === 'linkpath') found.target = value;
		else if (name === 'size' && /^\d{1,15}$/.test(value)) found.size = Number(value);
		at = end;
	}
	return found;
}
