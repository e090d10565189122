import type { GuestError } from '../errors.ts';
import type { GuestRunOptions } from '../shell.ts';
import { type Done, encodeMessage } from './messages.ts';

/** How much of a command's input the agent buffers. */
const inputCredit = 4096;
const inputPiece = 512;

export interface JobParts {
	readonly channel: number;
	/** Takes a piece of output. Returns a reason to stop if no more is wanted. */
	readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => GuestError | undefined;
	/** Sends a message for this job. */
	readonly send: (message: Buffer) => void;
}

/** A job that runs in the guest on one channel: its output, its end, and its input as far as the agent has room. */
export class Job {
	readonly channel: number;
	readonly onOutput: JobParts['onOutput'];
	/** How the job ended, as reported by the guest. */
	readonly ended = Promise.withResolvers<Done>();
	readonly #send: JobParts['send'];
	/** No more input will be fed. */
	readonly #over = Promise.withResolvers<undefined>();
	#isOver = false;
	#credit = inputCredit;
	/** Input that the agent has no room for yet. */
	#input: Buffer = Buffer.alloc(0);
	#inputEnded = false;
	#onInputTaken: () => void = () => undefined;

	constructor({ channel, onOutput, send }: JobParts) {
		this.channel = channel;
		this.onOutput = onOutput;
		this.#send = send;
		this.ended.promise.catch(() => undefined);
	}

	/** The agent has consumed input. */
	addCredit(bytes: number): void {
		this.#credit += bytes;
		this.#pass();
	}

	/** The guest ended the job, or the caller no longer waits for it. */
	close(): void {
		this.#isOver = true;
		this.#over.resolve(undefined);
	}

	/** Passes input on until it or the job ends. @throws what the stream throws */
	async feed(input: GuestRunOptions['stdin']): Promise<void> {
		if (input === undefined) return;
		if (typeof input === 'string' || input instanceof Uint8Array) this.#input = Buffer.from(input);
		else await this.#feedStream(input[Symbol.asyncIterator]());
		this.#inputEnded = true;
		this.#pass();
	}

	async #feedStream(stream: AsyncIterator<Uint8Array>): Promise<void> {
		const over = this.#over.promise;
		try {
			for (;;) {
				const next = await Promise.race([stream.next(), over]);
				if (next === undefined || next.done === true) return;
				const taken = new Promise<void>(resolve => {
					this.#onInputTaken = resolve;
				});
				this.#input = Buffer.from(next.value);
				this.#pass();
				await Promise.race([taken, over]);
			}
		} finally {
			// Tell the stream that nobody reads it any more, without waiting for it to close.
			stream.return?.()?.catch(() => undefined);
		}
	}

	#pass(): void {
		if (this.#isOver) return;
		while (this.#credit > 0 && this.#input.length > 0) {
			const piece = this.#input.subarray(0, Math.min(inputPiece, this.#credit));
			this.#input = this.#input.subarray(piece.length);
			this.#credit -= piece.length;
			this.#send(encodeMessage('I', this.channel, piece));
		}
		if (this.#input.length > 0) return;
		this.#onInputTaken();
		if (!this.#inputEnded) return;
		this.#inputEnded = false;
		this.#send(encodeMessage('E', this.channel));
	}
}
