import { close, open, write } from 'node:fs';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/**
 * A file that grows, and never fails whoever writes to it. After its first error (a full disk, a folder that is gone)
 * it takes everything and keeps nothing, so that a pipe into it goes on flowing. A stream of `fs` would end the pipe,
 * and the program at the other end would wait for ever for somebody to read.
 */
export class FileSink extends Writable {
	readonly #file: string;
	readonly #onProblem: ((problem: Error) => void) | undefined;
	#descriptor: number | undefined;
	#problem: Error | undefined;

	/** Makes the file, or empties it. @param onProblem is called once, with the first error */
	constructor(file: string, onProblem?: (problem: Error) => void) {
		super();
		this.#file = file;
		this.#onProblem = onProblem;
	}

	/** What kept something from being written; `undefined` while the file has all. */
	get problem(): Error | undefined {
		return this.#problem;
	}

	/** Ends the file; it has all that it can keep when this resolves. Never rejects. */
	async close(): Promise<void> {
		this.end();
		await finished(this).catch(() => undefined);
	}

	override _construct(done: () => void): void {
		open(this.#file, 'w', (error, descriptor) => {
			if (error === null) this.#descriptor = descriptor;
			else this.#fail(error);
			done();
		});
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
		if (this.#problem !== undefined || this.#descriptor === undefined) {
			process.nextTick(done);
			return;
		}
		write(this.#descriptor, chunk, (error, written) => {
			if (error !== null) this.#fail(error);
			// A disk with some room left takes a part; the rest is tried, and says why it cannot be written.
			if (error === null && written < chunk.length) this._write(chunk.subarray(written), _encoding, done);
			else done();
		});
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		const descriptor = this.#descriptor;
		this.#descriptor = undefined;
		if (descriptor === undefined) done(error);
		else
			close(descriptor, problem => {
				// NFS says only now that a disk is full.
				if (problem) this.#fail(problem);
				done(error);
			});
	}

	#fail(problem: Error): void {
		if (this.#problem !== undefined) return;
		this.#problem = problem;
		this.#onProblem?.(problem);
	}
}
