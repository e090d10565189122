import { close, open, write } from 'node:fs';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Bounds, HeadAndTail, logBounds, omissionText } from '../text/bounds.ts';

export interface SinkOptions {
	/** Default: {@link logBounds}. */
	readonly bounds?: Bounds;
	/** Returns the text that replaces the omitted bytes in the file. */
	readonly omission?: (omittedBytes: number) => string;
	/** Called at the end if bytes were omitted from the file. */
	readonly onOmission?: (omittedBytes: number) => void;
}

/**
 * A growing file that never fails its writer. After its first error (a full disk, a removed folder) it accepts and drops all
 * data, so that a pipe into it keeps flowing. A stream of `fs` would end the pipe, and the program at the other end would
 * block forever.
 *
 * The file and its memory are bounded, because the writer may never stop. If there is too much data, the middle is omitted,
 * and the file says so.
 */
export class FileSink extends Writable {
	readonly #file: string;
	readonly #onProblem: ((problem: Error) => void) | undefined;
	readonly #options: SinkOptions;
	readonly #content: HeadAndTail;
	#descriptor: number | undefined;
	#problem: Error | undefined;

	/** Creates the file, or truncates it. @param onProblem is called once, with the first error */
	constructor(file: string, onProblem?: (problem: Error) => void, options: SinkOptions = {}) {
		super();
		this.#file = file;
		this.#onProblem = onProblem;
		this.#options = options;
		this.#content = new HeadAndTail(options.bounds ?? logBounds);
	}

	/** Whether the data exceeds the head of the file. */
	get isFull(): boolean {
		return this.#content.isFull;
	}

	/** Accepts all data. `false` asks the writer to pause; one that cannot pause may ignore it, as the bounds hold anyway. */
	override write(chunk: string | Uint8Array, ...rest: unknown[]): boolean {
		const done = rest.find(one => typeof one === 'function') as ((error?: Error | null) => void) | undefined;
		const bytes =
			typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
		const head = this.#content.push(bytes);
		if (head.length > 0) return super.write(head, done);
		if (done !== undefined) process.nextTick(done);
		return true;
	}

	/** The first error that prevented a write; `undefined` if everything was written. */
	get problem(): Error | undefined {
		return this.#problem;
	}

	/** Closes the file. All data that could be kept is in it when this resolves. Never rejects. */
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
			// A nearly full disk accepts a part. Writing the rest returns the error.
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
				// NFS reports a full disk only on close.
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
