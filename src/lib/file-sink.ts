import { close, open, write } from 'node:fs';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Bounds, HeadAndTail, logBounds, omissionText } from './bounds.ts';

export interface SinkOptions {
	/** Default {@link logBounds}. */
	readonly bounds?: Bounds;
	/** What the file has in place of what was left out. */
	readonly omission?: (omittedBytes: number) => string;
	/** Called at the end of a file from which something was left out. */
	readonly onOmission?: (omittedBytes: number) => void;
}

/**
 * A file that grows, and never fails whoever writes to it. After its first error (a full disk, a folder that is gone)
 * it takes everything and keeps nothing, so that a pipe into it goes on flowing. A stream of `fs` would end the pipe,
 * and the program at the other end would wait for ever for somebody to read.
 *
 * Nor does it take more than its bounds, on the disk or in memory: whoever fills it may do so without end. Of what is too
 * much, the middle is left out, and the file says so.
 */
export class FileSink extends Writable {
	readonly #file: string;
	readonly #onProblem: ((problem: Error) => void) | undefined;
	readonly #options: SinkOptions;
	readonly #content: HeadAndTail;
	#descriptor: number | undefined;
	#problem: Error | undefined;

	/** Makes the file, or empties it. @param onProblem is called once, with the first error */
	constructor(file: string, onProblem?: (problem: Error) => void, options: SinkOptions = {}) {
		super();
		this.#file = file;
		this.#onProblem = onProblem;
		this.#options = options;
		this.#content = new HeadAndTail(options.bounds ?? logBounds);
	}

	/** Whether more came than the beginning of the file has room for. */
	get isFull(): boolean {
		return this.#content.isFull;
	}

	/** Takes all; `false` asks for a pause, which whoever cannot pause may pass over: the bounds are kept all the same. */
	override write(chunk: string | Uint8Array, ...rest: unknown[]): boolean {
		const done = rest.find(one => typeof one === 'function') as ((error?: Error | null) => void) | undefined;
		const bytes =
			typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
		const head = this.#content.push(bytes);
		if (head.length > 0) return super.write(head, done);
		if (done !== undefined) process.nextTick(done);
		return true;
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

	override _final(done: () => void): void {
		const { tail, omittedBytes } = this.#content.end();
		const { omission = omissionText, onOmission } = this.#options;
		const text = omittedBytes === 0 ? '' : omission(omittedBytes);
		this.#append(Buffer.concat([Buffer.from(text), tail]), () => {
			if (omittedBytes > 0 && this.#problem === undefined) onOmission?.(omittedBytes);
			done();
		});
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
		this.#append(chunk, done);
	}

	#append(chunk: Buffer, done: () => void): void {
		if (this.#problem !== undefined || this.#descriptor === undefined) {
			process.nextTick(done);
			return;
		}
		write(this.#descriptor, chunk, (error, written) => {
			if (error !== null) this.#fail(error);
			// A disk with some room left takes a part; the rest is tried, and says why it cannot be written.
			if (error === null && written < chunk.length) this.#append(chunk.subarray(written), done);
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
