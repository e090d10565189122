import type { Readable } from 'node:stream';
import { harmless } from '../lib/streams.ts';

/** Keeps the last lines of a stream, bounded; the returned function gives them, oldest first. */
export function lastLines(stream: Readable, { count = 20, bytes = 16_384 } = {}): () => string[] {
	let kept = '';
	harmless(stream).on('data', (chunk: Buffer) => {
		kept = (kept + chunk.toString('utf8')).slice(-bytes);
	});
	return () =>
		kept
			.split(/\r?\n/)
			.filter(line => line.trim() !== '')
			.slice(-count);
}
