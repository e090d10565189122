import { closeSync, constants, fstatSync, openSync, readFile, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { harmless } from '../text/streams.ts';

/**
 * Reads a file named by the user, which may be a pipe, such as `<(git format-patch ...)` of a shell. A FIFO without a writer
 * counts as empty (fifo(7)), because nothing could end an open that waits for one.
 *
 * @throws the system's error; the signal's reason; Error if it is neither a regular file nor a pipe
 */
export async function readGiven(file: string, signal?: AbortSignal): Promise<Buffer> {
	const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
	let isOurs = true;
	try {
		const found = fstatSync(descriptor);
		if (found.isDirectory()) throw new Error('it is a folder; allowed: a regular file or a pipe');
		if (found.isFile()) return await promisify(readFile)(descriptor);
		if (!found.isFIFO()) throw new Error('it is neither a regular file nor a pipe');
		const first = readNow(descriptor);
		if (first?.length === 0) return first;
		const pipe = harmless(new Socket({ fd: descriptor, writable: false }));
		// The socket closes it.
		isOurs = false;
		if (signal !== undefined) addAbortSignal(signal, pipe);
		return Buffer.concat([first ?? Buffer.alloc(0), await buffer(pipe)]);
	} catch (error) {
		signal?.throwIfAborted();
		throw error;
	} finally {
		if (isOurs) closeSync(descriptor);
	}
}

/**
 * Reads what a pipe has now: `undefined` if its writer has written nothing yet, empty if it has no writer. epoll does not
 * report a FIFO that never had a writer (fs/pipe.c, pipe_poll), so only a read tells.
 */
function readNow(descriptor: number): Buffer | undefined {
	const bytes = Buffer.alloc(65_536);
	try {
		return bytes.subarray(0, readSync(descriptor, bytes));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
		throw error;
	}
}
