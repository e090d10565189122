import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Keeps the last lines of a stream, bounded; the returned function gives them, oldest first. */
export function lastLines(stream: Readable, { count = 20, bytes = 16_384 } = {}): () => string[] {
	let kept = '';
	stream.on('error', () => undefined);
	stream.on('data', (chunk: Buffer) => {
		kept = (kept + chunk.toString('utf8')).slice(-bytes);
	});
	return () =>
		kept
			.split(/\r?\n/)
			.filter(line => line.trim() !== '')
			.slice(-count);
}

/** The lines of a stream as they come; ends with it. A stream that breaks off is a stream that ends. */
export function firstLines(stream: Readable): AsyncIterable<string> {
	stream.on('error', () => undefined);
	const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
	// It passes the stream's errors on, also when nobody reads lines any more.
	lines.on('error', () => lines.close());
	return lines;
}
