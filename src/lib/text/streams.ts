import type { Server } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';

/**
 * Prevents a broken stream from ending the process: Node throws an `error` event that has no listener. Readers and writers of
 * the stream still get the error.
 *
 * @returns the stream
 */
export function harmless<T extends { on(event: 'error', listener: (error: Error) => void): unknown }>(stream: T): T {
	stream.on('error', () => undefined);
	return stream;
}

/**
 * Returns the lines of a stream, as events or for `for await`. An error of the stream counts as its end: readline alone would
 * pass the error on, without a listener for it.
 */
export function linesOf(input: NodeJS.ReadableStream): Interface {
	const lines = createInterface({ input: harmless(input), crlfDelay: Number.POSITIVE_INFINITY });
	lines.on('error', () => lines.close());
	return lines;
}

/** Longest line. The rest of a longer line is dropped; no expected line is that long. */
const longestLine = 65_536;

/**
 * Returns the lines of a foreign stream: as {@link linesOf}, but the memory per line is bounded, and the stream is not read
 * ahead of the caller.
 */
export function foreignLinesOf(input: Readable): AsyncGenerator<string, void> {
	return readLines(harmless(input));
}

async function* readLines(input: Readable): AsyncGenerator<string, void> {
	const decoder = new StringDecoder('utf8');
	let begun = '';
	try {
		// If the caller stops reading early, the stream stays open for its owner.
		for await (const chunk of input.iterator({ destroyOnReturn: false })) {
			const [first = '', ...others] = decoder.write(chunk as Buffer).split('\n');
			begun += first.slice(0, longestLine - begun.length);
			for (const other of others) {
				yield begun.replace(/\r$/, '');
				begun = other.slice(0, longestLine);
			}
		}
	} catch {
		return;
	}
	if (begun !== '') yield begun;
}

/**
 * Writes all of `source` to `sink` and leaves the sink open. Resolves when the source has ended or broken; never rejects. The
 * sink must not fail (see FileSink), because then the source would not be read to its end.
 */
export async function drainInto(source: Readable, sink: Writable): Promise<void> {
	harmless(source).pipe(sink, { end: false });
	await finished(source, { writable: false }).catch(() => undefined);
}

/**
 * Starts a server on a Unix socket. If it cannot accept a connection later (too many open files), only that connection is
 * refused. @throws the system's error when it cannot listen
 */
export async function listen(server: Server, socketPath: string): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(socketPath, () => {
			server.off('error', reject);
			harmless(server);
			resolve();
		});
	});
}
