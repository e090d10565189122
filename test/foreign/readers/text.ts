import { PassThrough } from 'node:stream';

/** A reader of foreign text, its worst cases, and pieces of such text. */
export interface Reader {
	readonly read: (text: string) => unknown;
	readonly worst: Readonly<Record<string, (size: number) => string>>;
	/** Pieces for generated inputs. */
	readonly pieces: readonly string[];
}

/** The bytes of a text in Latin-1. */
export const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** Delivers bytes like a pipe. */
export function inPieces(text: string, push: (bytes: Buffer) => void, size = 4096): void {
	const bytes = bytesOf(text);
	for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size));
}

/** Delivers bytes like a stream that ends. */
export async function streamed(text: string, use: (stream: PassThrough) => Promise<unknown>): Promise<void> {
	const stream = new PassThrough();
	const used = use(stream);
	inPieces(text, bytes => stream.write(bytes), 65_536);
	stream.end();
	await used;
}
