/** Reading rests only after pieces smaller than this; a larger piece is worth its read. */
const smallBytes = 4096;
const shortRestMs = 1;
/** A pipe or connection buffers 64 KiB, more than any UART prints in that time. */
const longRestMs = 16;
/** More bytes per millisecond than this are a flood. No conversation sustains this rate. */
const floodBytesPerMs = 40;
const memoryMs = 50;
/** A lower rate in bytes per millisecond is a frame or a prompt that somebody waits for. */
const talkBytesPerMs = 4;

/**
 * Decides how long to leave a console unread after a piece. QEMU writes a console's characters one by one, and reading each
 * one as it comes is expensive. In a stream of small pieces the reader waits briefly, so that a conversation is not delayed;
 * in a flood it waits longer. Pure: times are passed in.
 */
export class Pace {
	#readAt = Number.NEGATIVE_INFINITY;
	/** Recent rate in bytes per millisecond. */
	#rate = 0;

	/** Records a piece that was read at `now`. @returns for how many milliseconds not to read, 0 for none */
	restAfter(bytes: number, now: number): number {
		const sinceMs = now - this.#readAt;
		this.#readAt = now;
		this.#rate = this.#rate * Math.exp(-sinceMs / memoryMs) + bytes / memoryMs;
		if (this.#rate > floodBytesPerMs) return longRestMs;
		if (this.#rate < talkBytesPerMs) return 0;
		return sinceMs < 2 * shortRestMs && bytes < smallBytes ? shortRestMs : 0;
	}

	/** Reading resumes at `now`. The rest was ours, so it does not count as a pause of the guest. */
	resume(now: number): void {
		this.#rate *= Math.exp(-(now - this.#readAt) / memoryMs);
		this.#readAt = now;
	}
}

/** A stream whose reading can be stopped for a while, so that data accumulates at its source and arrives in larger pieces. */
export interface PausableReading {
	stopReading(): void;
	startReading(): void;
}

/**
 * Finds how to stop reading a stream; `undefined` if there is no way. `pause()` does not help, because the stream goes on
 * reading piece by piece into its buffer. `node:net` has no public way for a socket that somebody else opened.
 */
export function readingOf(stream: object): PausableReading | undefined {
	const own = stream as Partial<PausableReading>;
	if (own.stopReading !== undefined && own.startReading !== undefined) return own as PausableReading;
	const handle = (stream as { _handle?: { readStop?: () => void; readStart?: () => void } | null })._handle;
	if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined;
	return { stopReading: () => handle.readStop?.(), startReading: () => handle.readStart?.() };
}
