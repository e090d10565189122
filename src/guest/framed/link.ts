import { encodeFrame, flag, headLength, kind } from './frames.ts';
import { RoundTrip } from './round-trip.ts';

export interface LinkOptions {
	readonly key: Uint8Array;
	/** Writes text to the line. */
	readonly send: (text: string) => void;
	/** Receives the bytes of the guest's stream, in order, each once. */
	readonly onBytes: (bytes: Buffer) => void;
	readonly speedFactor: number;
}

/** Limit for unacknowledged bytes to the guest: less than a tty's buffer of 4096 characters. */
const flightBytes = 1024;
const pieceMax = 256;
const pieceFirst = 128;
const pieceMin = 24;
/** A UART under nested emulation takes milliseconds per character, so resends must not saturate it. */
const retry = { firstMs: 250, leastMs: 160, mostMs: 8000 };
/**
 * How many pieces are kept until the gap before them is filled: more than fit between two offsets that differ by the window.
 */
const mostEarly = 256;
/** How often a gap is asked about again; once per round trip if that is longer. */
const askAgainMs = 50;
const acknowledgeAfterMs = 20;
const acknowledgeAfterBytes = 2048;

/**
 * The host's end of the two reliable streams (images/tools/agent/link.h is the guest's end). Offsets are counted without
 * wrapping; on the line they are modulo 2^16. Before {@link open}, only the bytes given to {@link opening} are sent.
 */
export class HostLink implements Disposable {
	/** Pieces sent again, and gaps that the guest was asked to fill. */
	resent = 0;
	asked = 0;
	/** When the guest's last frame arrived, on the clock of `performance.now()`. */
	lastFrameAt = performance.now();
	readonly #options: LinkOptions;
	#outgoing: Buffer = Buffer.alloc(0);
	/** Offset of the first byte of `#outgoing`; all earlier bytes are acknowledged. */
	#acknowledged = 0;
	#next = 0;
	#isOpen = false;
	#piece = pieceFirst;
	#cleanPieces = 0;
	#retryTimer: NodeJS.Timeout | undefined;
	readonly #roundTrip: RoundTrip;
	#againAt = 0;
	#received = 0;
	#early: { readonly offset: number; readonly bytes: Buffer }[] = [];
	#askedAt = 0;
	#askTimer: NodeJS.Timeout | undefined;
	#owedBytes = 0;
	#owed = false;
	#owedTimer: NodeJS.Timeout | undefined;

	constructor(options: LinkOptions) {
		this.#options = options;
		const slowness = Math.max(1, options.speedFactor);
		this.#roundTrip = new RoundTrip({ ...retry, firstMs: retry.firstMs * slowness, leastMs: retry.leastMs * slowness });
	}

	/**
	 * Sets the first bytes of the stream. They are sent with each HELLO until it is answered, and not otherwise until
	 * {@link open}.
	 */
	opening(): Uint8Array {
		if (this.#isOpen) return new Uint8Array();
		if (this.#next === 0 && this.#outgoing.length > 0) {
			this.#next = Math.min(this.#piece, this.#outgoing.length);
			this.#roundTrip.sent(this.#next, performance.now());
		}
		return this.#outgoing.subarray(0, this.#next);
	}

	/** Starts the stream: HELLO is answered. */
	open(): void {
		this.#isOpen = true;
		this.#fill();
		if (this.#acknowledged < this.#next) this.#startRetryTimer();
	}

	/** Number of bytes that the guest has not acknowledged. */
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
		const hasHole = (body[0]! & flag.hole) !== 0;
		const head = hasHole ? headLength + 2 : headLength;
		if (body.length < head) return;
		this.lastFrameAt = performance.now();
		const acknowledged = nearest(body.readUInt16LE(3), this.#acknowledged);
		const until = hasHole ? nearest(body.readUInt16LE(headLength), this.#acknowledged) : this.#next;
		this.#onAcknowledged(acknowledged, (body[0]! & flag.again) !== 0, until);
		const offset = nearest(body.readUInt16LE(1), this.#received);
		if (body.length > head) this.#onBytes(offset, body.subarray(head));
		// Its next byte is beyond what we received, so the end of what it sent was lost.
		else if (offset > this.#received) this.#ask();
	}

	[Symbol.dispose](): void {
		clearTimeout(this.#retryTimer);
		clearTimeout(this.#owedTimer);
		clearTimeout(this.#askTimer);
	}

	#onAcknowledged(offset: number, again: boolean, until: number): void {
		if (offset > this.#acknowledged && offset <= this.#next) {
			this.#outgoing = this.#outgoing.subarray(offset - this.#acknowledged);
			this.#acknowledged = offset;
			this.#roundTrip.acknowledged(offset, performance.now());
			this.#cleanPieces += 1;
			if (this.#cleanPieces >= 8) {
				this.#cleanPieces = 0;
				this.#piece = Math.min(pieceMax, Math.ceil(this.#piece * 1.25));
			}
			clearTimeout(this.#retryTimer);
			this.#retryTimer = undefined;
			this.#fill();
			if (this.#acknowledged < this.#next) this.#startRetryTimer();
			this.#againAt = 0;
		}
		const now = performance.now();
		if (again && offset === this.#acknowledged && offset < until && until <= this.#next && now >= this.#againAt) {
			this.#againAt = now + Math.max(20, this.#roundTrip.smoothedMs);
			this.#sendAgain(until);
		}
	}

	#onBytes(offset: number, bytes: Buffer): void {
		this.#owed = true;
		const end = offset + bytes.length;
		if (end <= this.#received) {
			this.#acknowledgeNow();
			return;
		}
		if (offset > this.#received) {
			const isKnown = this.#early.some(piece => piece.offset <= offset && piece.offset + piece.bytes.length >= end);
			if (!isKnown && this.#early.length < mostEarly) this.#early.push({ offset, bytes: Buffer.from(bytes) });
			this.#early.sort((a, b) => a.offset - b.offset);
			this.#ask();
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

	/** Asks for the missing bytes, repeatedly until they arrive. */
	#ask(): void {
		const now = performance.now();
		const pauseMs = Math.max(askAgainMs, this.#roundTrip.smoothedMs);
		if (now >= this.#askedAt + pauseMs) {
			this.#askedAt = now;
			this.asked += 1;
			this.#sendData(this.#next, 0, flag.again);
		}
		this.#askTimer ??= setTimeout(() => {
			this.#askTimer = undefined;
			if (this.#early.length > 0) this.#ask();
		}, pauseMs);
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
		if (!this.#isOpen) return;
		for (;;) {
			const size = Math.min(this.#piece, this.#acknowledged + this.#outgoing.length - this.#next);
			if (size === 0 || this.#next - this.#acknowledged + size > flightBytes) return;
			this.#roundTrip.sent(this.#next + size, performance.now());
			this.#sendData(this.#next, size, 0);
			this.#next += size;
			this.#startRetryTimer();
		}
	}

	#startRetryTimer(): void {
		this.#retryTimer ??= setTimeout(() => {
			this.#retryTimer = undefined;
			this.#roundTrip.backOff();
			this.#sendAgain(Math.min(this.#next, this.#acknowledged + 4 * this.#piece));
			this.#startRetryTimer();
		}, this.#roundTrip.retryMs);
	}

	#sendAgain(until: number): void {
		this.resent += 1;
		this.#cleanPieces = 0;
		this.#roundTrip.resent(performance.now());
		this.#piece = Math.max(pieceMin, Math.floor(this.#piece / 2));
		for (let at = this.#acknowledged; at < until; ) {
			const size = Math.min(this.#piece, until - at);
			this.#sendData(at, size, at + size < until ? 0 : flag.poll);
			at += size;
		}
	}

	#sendData(offset: number, size: number, flags: number): void {
		const hole = this.#early[0]?.offset;
		const head = Buffer.alloc(hole === undefined ? headLength : headLength + 2);
		head[0] = kind.data | flags | (hole === undefined ? 0 : flag.hole);
		head.writeUInt16LE(offset % 2 ** 16, 1);
		head.writeUInt16LE(this.#received % 2 ** 16, 3);
		if (hole !== undefined) head.writeUInt16LE(hole % 2 ** 16, headLength);
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

/** Returns the offset that is `lower` modulo 2^16 and nearest to `reference`. */
export function nearest(lower: number, reference: number): number {
	const difference = ((lower - (reference % 2 ** 16)) << 16) >> 16;
	return reference + difference;
}
