/** How much of what somebody else writes is kept. */
export interface Bounds {
	/** So many bytes from the beginning. */
	readonly headBytes: number;
	/** So many from the end: what came last tells most of how it ended. */
	readonly tailBytes: number;
	/** What comes are whole lines: none is kept in part. */
	readonly lines?: boolean;
}

/** For files that QEMU, a guest or a worker of ours fills. */
export const logBounds: Bounds = { headBytes: 16 * 1024 * 1024, tailBytes: 1024 * 1024 };

const newline = 0x0a;

/** The beginning and the end of a stream of bytes, in bounded memory: the beginning is passed on, the end is held. */
export class HeadAndTail {
	readonly #bounds: Bounds;
	#headLeft: number;
	#total = 0;
	#headBytes = 0;
	/** A ring: the oldest byte stands at `#tailAt` once it is full. */
	#ring: Buffer | undefined;
	#tailAt = 0;
	#tailBytes = 0;

	constructor(bounds: Bounds) {
		this.#bounds = bounds;
		this.#headLeft = bounds.headBytes;
	}

	/** Whether more came than the head has room for. */
	get isFull(): boolean {
		return this.#total > this.#headBytes;
	}

	/** The part of further bytes that belongs to the head; the rest is held for the tail. */
	push(bytes: Buffer): Buffer {
		this.#total += bytes.length;
		const whole = this.#bounds.lines === true;
		const isTaken = this.#headLeft > 0 && (!whole || bytes.length <= this.#headLeft);
		const head = isTaken ? bytes.subarray(0, this.#headLeft) : bytes.subarray(0, 0);
		this.#headLeft = isTaken ? this.#headLeft - head.length : 0;
		this.#headBytes += head.length;
		this.#hold(bytes.subarray(head.length));
		return head;
	}

	/** What is held, and how many bytes stood between the head and it. */
	end(): { readonly tail: Buffer; readonly omittedBytes: number } {
		const ring = this.#ring ?? Buffer.alloc(0);
		const held = Buffer.concat([ring.subarray(this.#tailAt, this.#tailBytes), ring.subarray(0, this.#tailAt)]);
		const isCut = this.#total > this.#headBytes + held.length;
		// The line that begins before what is held is not whole.
		const begin = held.indexOf(newline) + 1;
		const tail = !isCut || this.#bounds.lines !== true ? held : held.subarray(begin === 0 ? held.length : begin);
		return { tail, omittedBytes: this.#total - this.#headBytes - tail.length };
	}

	#hold(bytes: Buffer): void {
		const { tailBytes } = this.#bounds;
		if (bytes.length === 0 || tailBytes === 0) return;
		this.#ring ??= Buffer.alloc(tailBytes);
		const last = bytes.subarray(Math.max(0, bytes.length - tailBytes));
		for (let from = 0; from < last.length; ) {
			const at = this.#tailBytes < tailBytes ? this.#tailBytes : this.#tailAt;
			const count = last.copy(this.#ring, at, from, from + tailBytes - at);
			from += count;
			if (this.#tailBytes < tailBytes) this.#tailBytes += count;
			else this.#tailAt = (this.#tailAt + count) % tailBytes;
		}
	}
}

/** The text that a file has in place of what was left out. */
export function omissionText(omittedBytes: number): string {
	return `\n[vpmu: ${omittedBytes} bytes were left out here]\n`;
}
