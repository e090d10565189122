import { encodeFrame, flag, kind } from './frames.ts';

export interface LinkOptions {
	readonly key: Uint8Array;
	/** Puts text on the line. */
	readonly send: (text: string) => void;
	/** Takes bytes of the guest's stream, in order, each once. */
	readonly onBytes: (bytes: Buffer) => void;
	readonly speedFactor: number;
}

/** What may be on its way to the guest: less than a tty's buffer of 4096 characters. */
const flightBytes = 1024;
const pieceMax = 256;
const pieceMin = 24;
const firstRetryMs = 120;
const longestRetryMs = 2000;
const acknowledgeAfterMs = 20;
const acknowledgeAfterBytes = 2048;

/**
 * The host's end of the two reliable streams (images/tools/agent/link.h is the guest's). Offsets are counted without
 * wrapping; on the line they are taken modulo 2^32.
 */
export class HostLink implements Disposable {
	/** Pieces that had to be sent again, and times that the guest was asked to. */
	resent = 0;
	asked = 0;
	/** When a frame of the guest came last, on the clock of `performance.now()`. */
	lastFrameAt = performance.now();
	readonly #options: LinkOptions;
	#outgoing: Buffer = Buffer.alloc(0);
	/** Offset of the first byte of `#outgoing`: all before are acknowledged. */
	#acknowledged = 0;
	#next = 0;
	#piece = pieceMax;
	#cleanPieces = 0;
	#retryTimer: NodeJS.Timeout | undefined;
	#retryMs = firstRetryMs;
	#roundTripMs = firstRetryMs / 3;
	#timed: { readonly offset: number; readonly at: number } | undefined;
	#againAt = 0;
	#received = 0;
	#early: { readonly offset: number; readonly bytes: Buffer }[] = [];
	#owedBytes = 0;
	#owed = false;
	#owedTimer: NodeJS.Timeout | undefined;

	constructor(options: LinkOptions) {
		this.#options = options;
	}

	/** Bytes that the guest has not acknowledged. */
	get unacknowledged(): number {
		return this.#outgoing.length;
	}

	write(...parts: readonly Uint8Array[]): void {
		this.#outgoing = Buffer.concat([this.#outgoing, ...parts]);
		this.#fill();
	}

	/** Asks the guest to answer at once. */
	poll(): void {
		this.#sendData(this.#next, 0, flag.poll);
	}

	/** Takes the body of a DATA frame. */
	input(body: Buffer): void {
		if (body.length < 9) return;
		this.lastFrameAt = performance.now();
		this.#onAcknowledged(nearest(body.readUInt32LE(5), this.#acknowledged), (body[0]! & flag.again) !== 0);
		if (body.length > 9) this.#onBytes(nearest(body.readUInt32LE(1), this.#received), body.subarray(9));
	}

	[Symbol.dispose](): void {
		clearTimeout(this.#retryTimer);
		clearTimeout(this.#owedTimer);
	}

	#onAcknowledged(offset: number, again: boolean): void {
		if (offset > this.#acknowledged && offset <= this.#next) {
			this.#outgoing = this.#outgoing.subarray(offset - this.#acknowledged);
			this.#acknowledged = offset;
			if (this.#timed !== undefined && offset >= this.#timed.offset) {
				this.#roundTripMs = 0.75 * this.#roundTripMs + 0.25 * (performance.now() - this.#timed.at);
				this.#timed = undefined;
			}
			this.#retryMs = this.#firstRetryMs();
			this.#cleanPieces += 1;
			if (this.#cleanPieces >= 8) {
				this.#cleanPieces = 0;
				this.#piece = Math.min(pieceMax, Math.ceil(this.#piece * 1.25));
			}
			clearTimeout(this.#retryTimer);
			this.#retryTimer = undefined;
			this.#fill();
			if (this.#acknowledged < this.#next) this.#startRetryTimer();
		} else if (again && offset === this.#acknowledged && this.#acknowledged < this.#next) {
			const now = performance.now();
			if (now < this.#againAt) return;
			this.#againAt = now + Math.max(20, this.#roundTripMs);
			this.#sendAgain();
		}
	}

	#firstRetryMs(): number {
		return Math.min(longestRetryMs, Math.max(60, 3 * this.#roundTripMs + 20) * Math.max(1, this.#options.speedFactor));
	}

	#onBytes(offset: number, bytes: Buffer): void {
		this.#owed = true;
		const end = offset + bytes.length;
		if (end <= this.#received) {
			this.#acknowledgeNow();
			return;
		}
		if (offset > this.#received) {
			if (!this.#early.some(piece => piece.offset <= offset && piece.offset + piece.bytes.length >= end))
				this.#early.push({ offset, bytes: Buffer.from(bytes) });
			this.#early.sort((a, b) => a.offset - b.offset);
			this.asked += 1;
			this.#acknowledgeNow();
			return;
		}
		this.#take(offset, bytes);
		const hadHole = this.#early.length > 0;
		while (this.#early.length > 0 && this.#early[0]!.offset <= this.#received) {
			const piece = this.#early.shift()!;
			if (piece.offset + piece.bytes.length > this.#received) this.#take(piece.offset, piece.bytes);
		}
		this.#owedBytes += bytes.length;
		if (hadHole || this.#owedBytes >= acknowledgeAfterBytes) this.#acknowledgeNow();
		else this.#owedTimer ??= setTimeout(() => this.#acknowledgeNow(), acknowledgeAfterMs);
	}

	#take(offset: number, bytes: Buffer): void {
		const fresh = bytes.subarray(this.#received - offset);
		this.#received += fresh.length;
		this.#options.onBytes(fresh);
	}

	#acknowledgeNow(): void {
		if (this.#owed) this.#sendData(this.#next, 0, 0);
	}

	#fill(): void {
		for (;;) {
			const size = Math.min(this.#piece, this.#acknowledged + this.#outgoing.length - this.#next);
			if (size === 0 || this.#next - this.#acknowledged + size > flightBytes) return;
			this.#timed ??= { offset: this.#next + size, at: performance.now() };
			this.#sendData(this.#next, size, 0);
			this.#next += size;
			this.#startRetryTimer();
		}
	}

	#startRetryTimer(): void {
		this.#retryTimer ??= setTimeout(() => {
			this.#retryTimer = undefined;
			this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
			this.#sendAgain();
			this.#startRetryTimer();
		}, this.#retryMs);
	}

	/** The guest keeps nothing that comes out of order: everything goes again, in smaller pieces. */
	#sendAgain(): void {
		this.resent += 1;
		this.#cleanPieces = 0;
		this.#timed = undefined;
		this.#piece = Math.max(pieceMin, Math.floor(this.#piece * 0.75));
		for (let at = this.#acknowledged; at < this.#next; ) {
			const size = Math.min(this.#piece, this.#next - at);
			this.#sendData(at, size, flag.poll);
			at += size;
		}
	}

	#sendData(offset: number, size: number, flags: number): void {
		const hole = this.#early[0]?.offset;
		const head = Buffer.alloc(hole === undefined ? 9 : 13);
		head[0] = kind.data | flags | (hole === undefined ? 0 : flag.hole);
		head.writeUInt32LE(offset % 2 ** 32, 1);
		head.writeUInt32LE(this.#received % 2 ** 32, 5);
		if (hole !== undefined) head.writeUInt32LE(hole % 2 ** 32, 9);
		const from = offset - this.#acknowledged;
		this.#options.send(
			encodeFrame('H', Buffer.concat([head, this.#outgoing.subarray(from, from + size)]), this.#options.key),
		);
		this.#owed = false;
		this.#owedBytes = 0;
		clearTimeout(this.#owedTimer);
		this.#owedTimer = undefined;
	}
}

/** The offset that is `low32` modulo 2^32 and nearest to `reference`. */
export function nearest(low32: number, reference: number): number {
	const difference = (low32 - (reference % 2 ** 32)) | 0;
	return reference + difference;
}
