/** Reading in small pieces goes on like this; a piece that is more is worth its reading. */
const smallBytes = 4096;
const shortRestMs = 1;
/** What a pipe or a connection holds meanwhile, 64 KiB, is more than any UART prints in that time. */
const longRestMs = 16;
/** So many bytes a millisecond are a flood: for more than a moment, no conversation. */
const floodBytesPerMs = 40;
const memoryMs = 50;
/** Fewer are a frame or a prompt that somebody waits for. */
const talkBytesPerMs = 4;

/**
 * How long to leave a console unread after a piece. QEMU writes a console's characters one by one: who reads each as it
 * comes pays for every one. In a stream of small pieces a moment is waited, so that a conversation goes on undelayed; in a
 * flood longer. Pure: times are given.
 */
export class Pace {
	#readAt = Number.NEGATIVE_INFINITY;
	/** Bytes a millisecond, of the last moments. */
	#rate = 0;

	/** Takes note of a piece that was read at `now`. @returns for how many milliseconds not to read, 0 for none */
	restAfter(bytes: number, now: number): number {
		const sinceMs = now - this.#readAt;
		this.#readAt = now;
		this.#rate = this.#rate * Math.exp(-sinceMs / memoryMs) + bytes / memoryMs;
		if (this.#rate > floodBytesPerMs) return longRestMs;
		if (this.#rate < talkBytesPerMs) return 0;
		return sinceMs < 2 * shortRestMs && bytes < smallBytes ? shortRestMs : 0;
	}

	/** Reading goes on at `now`: the rest was not a pause of the guest's. */
	resume(now: number): void {
		this.#rate *= Math.exp(-(now - this.#readAt) / memoryMs);
		this.#readAt = now;
	}
}

/** A stream whose reading can be stopped for a while, so that what comes is kept where it is, in pieces that grow. */
export interface PausableReading {
	stopReading(): void;
	startReading(): void;
}

/**
 * How to stop the reading of a stream, `undefined` where there is no way. Pausing it would go on reading piece by piece,
 * into its buffer; `node:net` has no public way for a socket that somebody else opened.
 */
export function readingOf(stream: object): PausableReading | undefined {
	const own = stream as Partial<PausableReading>;
	if (own.stopReading !== undefined && own.startReading !== undefined) return own as PausableReading;
	const handle = (stream as { _handle?: { readStop?: () => void; readStart?: () => void } | null })._handle;
	if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined;
	return { stopReading: () => handle.readStop?.(), startReading: () => handle.readStart?.() };
}
