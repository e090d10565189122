import { createHash } from 'node:crypto';

/** Characters that any tty, line editor and shell passes on unchanged between single quotes. */
const harmless = /[A-Za-z0-9 _=/.,:;@+-]/;

/**
 * Encodes bytes as an argument of `printf %b` between single quotes: harmless ASCII unchanged, the rest as `\0ooo` (POSIX.1-2024,
 * printf, `%b`).
 */
export function octalEscape(bytes: Uint8Array): string {
	let text = '';
	for (const byte of bytes) {
		const character = String.fromCharCode(byte);
		text += harmless.test(character) ? character : `\\0${byte.toString(8).padStart(3, '0')}`;
	}
	return text;
}

/** Splits text into pieces of at most `length` characters. */
export function pieces(text: string, length: number): string[] {
	const result: string[] = [];
	for (let at = 0; at < text.length; at += length) result.push(text.slice(at, at + length));
	return result;
}

/** The CRC of POSIX `cksum` (POSIX.1-2024, cksum: polynomial 0x04C11DB7, length appended, complemented). */
export function cksum(bytes: Uint8Array): number {
	let crc = 0;
	const take = (byte: number) => {
		crc ^= byte << 24;
		for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
	};
	for (const byte of bytes) take(byte);
	for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) take(length & 0xff);
	return ~crc >>> 0;
}

export type CheckTool = 'sha256sum' | 'cksum' | 'wc';

/** How a file's content is checked: a command that reads it from standard input, and what it must print. */
export const checkTools: Record<CheckTool, { readonly command: string; readonly expected: (bytes: Buffer) => string }> =
	{
		sha256sum: { command: 'sha256sum', expected: bytes => `${createHash('sha256').update(bytes).digest('hex')}  -` },
		cksum: { command: 'cksum', expected: bytes => `${cksum(bytes)} ${bytes.length}\n` },
		wc: { command: 'wc -c', expected: bytes => `${bytes.length}\n` },
	};

export type DumpTool = 'base64' | 'od' | 'hexdump';

/** How each tool prints a file as text. */
export const dumpCommands: Record<DumpTool, string> = {
	base64: 'base64',
	od: 'od -An -v -tx1',
	hexdump: `hexdump -v -e '16/1 "%02x " "\\n"'`,
};

/** Longest output line of any tool (base64 prints 76 characters, the others 48). */
const longestLine = 200;

/** Decodes the bytes that a tool printed. Other lines (such as a kernel message between them) are skipped. */
export function readDump(tool: DumpTool, text: string): Buffer {
	const lines = text
		.split('\n')
		.filter(line => line.length <= longestLine)
		.map(line => line.trim());
	if (tool === 'base64')
		return Buffer.concat(
			lines.filter(line => /^[A-Za-z0-9+/]+={0,2}$/.test(line)).map(line => Buffer.from(line, 'base64')),
		);
	return Buffer.from(
		lines
			.filter(line => /^([0-9a-f]{2}\s+)*[0-9a-f]{2}$/.test(line))
			.join('')
			.replace(/\s/g, ''),
		'hex',
	);
}
