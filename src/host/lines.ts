import type { Readable } from 'node:stream';
import { lastLinesOf } from '../lib/text/foreign.ts';
import { harmless } from '../lib/text/streams.ts';

/** Keeps the last lines of a stream in bounded memory. The returned function gives them, oldest first, each shortened. */
export function lastLines(stream: Readable, { count = 20, bytes = 16_384 } = {}): () => string[] {
	let kept = '';
	harmless(stream).on('data', (chunk: Buffer) => {
		kept = (kept + chunk.toString('utf8')).slice(-bytes);
	});
	return () => lastLinesOf(kept, count);
}
