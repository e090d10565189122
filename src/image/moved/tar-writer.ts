/** What {@link tarMember} writes; sizes are of what follows the header. */
export interface TarMember {
	readonly path: string;
	readonly kind: 'file' | 'folder' | 'link';
	readonly mode: number;
	readonly sizeBytes?: number;
	readonly target?: string;
}

const block = 512;
const types = { file: '0', link: '2', folder: '5' } as const;

/** The header of a member of a tar archive (POSIX.1-2001), with a pax header before it if a name is long. */
export function tarMember(member: TarMember): Buffer {
	const { path, target = '' } = member;
	const name = Buffer.from(path);
	const isPlain = name.length <= 100 && Buffer.byteLength(target) <= 100 && (member.sizeBytes ?? 0) < 8 ** 11;
	if (isPlain) return header(member);
	const attributes = Buffer.concat([
		attribute('path', path),
		...(target === '' ? [] : [attribute('linkpath', target)]),
		...(member.sizeBytes === undefined ? [] : [attribute('size', String(member.sizeBytes))]),
	]);
	return Buffer.concat([
		header({ path: 'pax', kind: 'file', mode: 0o644, sizeBytes: attributes.length }, 'x'),
		attributes,
		tarPadding(attributes.length),
		header(
			{ ...member, path: name.subarray(0, 60).toString('latin1'), target: '', sizeBytes: 0 },
			undefined,
			member.sizeBytes,
		),
	]);
}

/** What follows a file's content. */
export const tarPadding = (sizeBytes: number) => Buffer.alloc((block - (sizeBytes % block)) % block);

/** The end of an archive. */
export const tarEnd = () => Buffer.alloc(2 * block);

/** A line of a pax header: its own length in bytes, then name and value. */
function attribute(name: string, value: string): Buffer {
	const rest = ` ${name}=${value}\n`;
	let length = Buffer.byteLength(rest);
	for (let all = -1; all !== length; ) {
		all = length;
		length = Buffer.byteLength(rest) + String(all).length;
	}
	return Buffer.from(`${length}${rest}`);
}

function header({ path, kind, mode, sizeBytes = 0, target = '' }: TarMember, type?: string, paxSize?: number): Buffer {
	const bytes = Buffer.alloc(block);
	const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
	bytes.write(path, 0, 100);
	bytes.write(octal(mode, 8), 100);
	bytes.write(octal(0, 8), 108);
	bytes.write(octal(0, 8), 116);
	bytes.write(octal((paxSize ?? sizeBytes) % 8 ** 11, 12), 124);
	bytes.write(octal(0, 12), 136);
	bytes.write(' '.repeat(8), 148);
	bytes.write(type ?? types[kind], 156);
	bytes.write(target, 157, 100);
	bytes.write('ustar\u000000', 257, 'latin1');
	let sum = 0;
	for (const byte of bytes) sum += byte;
	bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
	return bytes;
}
