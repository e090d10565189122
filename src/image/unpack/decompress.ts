import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { messageOf, VpmuError } from '../../lib/errors.ts';
import { harmless } from '../../lib/text/streams.ts';

/** How a file is compressed, by the end of its name; `tar` is not compressed. */
export type Compression = 'xz' | 'zst' | 'gz' | 'tar';

/**
 * Decompresses a stream. Nothing of this machine is needed: Node.js has gzip and Zstandard, and xz comes with a library.
 *
 * @param what names the file in errors
 * @param most more bytes than this are refused: a few can unpack to any number
 * @throws VpmuError (blame `host`) when it is damaged, ends early, or unpacks to more
 */
export async function* decompressed(
	source: AsyncIterable<Uint8Array>,
	compression: Compression,
	what: string,
	most: number,
): AsyncGenerator<Uint8Array> {
	let count = 0;
	try {
		for await (const piece of await start(source, compression)) {
			count += piece.length;
			if (count > most) break;
			yield piece;
		}
	} catch (cause) {
		if (cause instanceof VpmuError) throw cause;
		throw new VpmuError(`${what} is damaged (${compression}): ${messageOf(cause)}`, { blame: 'host', cause });
	}
	if (count > most) throw new VpmuError(`${what} unpacks to more than ${most} bytes`, { blame: 'host' });
}

async function start(source: AsyncIterable<Uint8Array>, compression: Compression): Promise<AsyncIterable<Uint8Array>> {
	if (compression === 'tar') return source;
	if (compression === 'xz') {
		const { default: xz } = await import('xz-decompress');
		const input = Readable.toWeb(harmless(Readable.from(source, { objectMode: false }))) as ReadableStream<Uint8Array>;
		return new xz.XzReadableStream(input) as unknown as AsyncIterable<Uint8Array>;
	}
	const output = harmless(compression === 'gz' ? createGunzip() : createZstdDecompress());
	// An error of either side reaches who reads the output; `compose` would leave a reader of a cut file waiting.
	pipeline(harmless(Readable.from(source, { objectMode: false })), output, () => undefined);
	return output;
}
