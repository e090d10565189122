/** How much of another program's output is kept. */
export interface Bounds {
	/** Number of bytes kept from the beginning. */
	readonly headBytes: number;
	/** Number of bytes kept from the end. The last output says most about how the program ended. */
	readonly tailBytes: number;
	/** The input consists of whole lines. No line is kept in part. */
	readonly lines?: boolean;
}

/** For files written by QEMU, a guest or a worker process. */
export const logBounds: Bounds = { headBytes: 16 * 1024 * 1024, tailBytes: 1024 * 1024 };

const newline = 0x0a;

/** Keeps the beginning and the end of a byte stream in bounded memory: the beginning is passed on, the end is held. */
export class HeadAndTail {
	readonly #bounds: Bounds;
	#headLeft: number;
	#total = 0;
	#headBytes = 0;
	/** A ring buffer. Once it is full, the oldest byte is at `#tailAt`. */
	#ring: Buffer | undefined;
	#tailAt = 0;
	#tailBytes = 0;

	constructor(bounds: Bounds) {
		this.#bounds = bounds;
		this.#headLeft = bounds.headBytes;
	}

	/** Whether the input is longer than the head. */
	get isFull(): boolean {
		return this.#total > this.#headBytes;
	}

	/** Takes further bytes and returns the part that belongs to the head. Holds the rest for the tail. */
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

	/** Returns the held tail, and how many bytes were dropped between head and tail. */
	end(): { readonly tail: Buffer; readonly omittedBytes: number } {
		const ring = this.#ring ?? Buffer.alloc(0);
		const held = Buffer.concat([ring.subarray(this.#tailAt, this.#tailBytes), ring.subarray(0, this.#tailAt)]);
		const isCut = this.#total > this.#headBytes + held.length;
		// The held bytes may begin within a line. Skip that line.
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

/** Returns the text that replaces the omitted bytes in a file. */
export function omissionText(omittedBytes: number): string {
	return `\n[vpmu: ${omittedBytes} bytes were left out here]\n`;
}
