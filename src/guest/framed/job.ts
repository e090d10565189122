import type { GuestError } from '../errors.ts';
import type { GuestRunOptions } from '../shell.ts';
import { type Done, encodeMessage } from './messages.ts';

/** What the agent buffers of a command's input. */
const inputCredit = 4096;
const inputPiece = 512;

export interface JobParts {
	readonly channel: number;
	/** Takes a piece of output. What it returns is why no more is wanted. */
	readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Buffer) => GuestError | undefined;
	/** Sends a message about it. */
	readonly send: (message: Buffer) => void;
}

/** Something that runs in the guest on one channel: its output, its end, and its input as far as the agent has room. */
export class Job {
	readonly channel: number;
	readonly onOutput: JobParts['onOutput'];
	/** How it ended, as the guest says. */
	readonly ended = Promise.withResolvers<Done>();
	readonly #send: JobParts['send'];
	/** Nobody is to be fed any more. */
	readonly #over = Promise.withResolvers<undefined>();
	#isOver = false;
	#credit = inputCredit;
	/** What the agent has no room for yet. */
	#input: Buffer = Buffer.alloc(0);
	#inputEnded = false;
	#onInputTaken: () => void = () => undefined;

	constructor({ channel, onOutput, send }: JobParts) {
		this.channel = channel;
		this.onOutput = onOutput;
		this.#send = send;
		this.ended.promise.catch(() => undefined);
	}

	/** The agent has taken input. */
	addCredit(bytes: number): void {
		this.#credit += bytes;
		this.#pass();
	}

	/** The guest has ended it, or nobody waits for it any more. */
	close(): void {
		this.#isOver = true;
		this.#over.resolve(undefined);
	}

	/** Passes input on, to its end or the job's. @throws what the stream throws */
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
			// The stream's owner is told that nobody reads any more; how it ends itself is not waited for.
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
