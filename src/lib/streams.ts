import type { Server } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';

/**
 * Lets a stream break without ending the process: an `error` event that nobody listens to is thrown. Whoever reads or
 * writes the stream still hears of it.
 *
 * @returns the stream
 */
export function harmless<T extends { on(event: 'error', listener: (error: Error) => void): unknown }>(stream: T): T {
	stream.on('error', () => undefined);
	return stream;
}

/**
 * The lines of a stream, as events or by `for await`. A stream that breaks is a stream that ends: readline alone passes
 * its error on, and nobody listens for that.
 */
export function linesOf(input: NodeJS.ReadableStream): Interface {
	const lines = createInterface({ input: harmless(input), crlfDelay: Number.POSITIVE_INFINITY });
	lines.on('error', () => lines.close());
	return lines;
}

/** Of a longer line, the rest is dropped: nobody who talks to us by lines has so much to say in one. */
const longestLine = 65_536;

/**
 * The lines of a stream that somebody else writes: as {@link linesOf}, but what one line holds in memory is bounded, and
 * lines that are not taken yet wait where they are made.
 */
export function foreignLinesOf(input: Readable): AsyncGenerator<string, void> {
	return readLines(harmless(input));
}

async function* readLines(input: Readable): AsyncGenerator<string, void> {
	const decoder = new StringDecoder('utf8');
	let begun = '';
	try {
		// Who has read enough leaves the stream to its owner.
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
 * Writes all of `source` to `sink` and leaves the sink open. Resolves when the source has ended or broken; never
 * rejects. The sink must not fail (see FileSink): one that does would leave the source unread.
 */
export async function drainInto(source: Readable, sink: Writable): Promise<void> {
	harmless(source).pipe(sink, { end: false });
	await finished(source, { writable: false }).catch(() => undefined);
}

/**
 * Lets a server listen on a Unix socket. A connection that it cannot take later (too many open files) is refused, and
 * ends nothing else. @throws the system's error when it cannot listen
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
