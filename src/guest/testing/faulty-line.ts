import { Duplex } from 'node:stream';

export interface Faults {
	/** Fraction of the characters that are lost, each way. */
	readonly dropFromGuest?: number;
	readonly dropToGuest?: number;
	/** Fraction of the characters that arrive as a different one. */
	readonly corruptFromGuest?: number;
	/** Fraction of the characters before which one of `texts` is printed. */
	readonly interleave?: number;
	readonly texts?: readonly string[];
	readonly seed?: number;
	/** Transmission time of each character, each way: a UART under nested emulation. */
	readonly characterMs?: number;
}

/** A fake serial line for tests. It loses and corrupts characters at given rates, and inserts foreign text at any moment. */
export class FakeFaultyLine extends Duplex {
	dropped = 0;
	interleaved = 0;
	readonly #line: Duplex;
	readonly #fromGuestLater = new SlowWire(bytes => void this.push(bytes));
	readonly #toGuestLater = new SlowWire(bytes => void this.#line.write(bytes));
	#faults: Faults;
	#state: number;

	constructor(line: Duplex, faults: Faults) {
		super({ allowHalfOpen: false });
		this.#line = line;
		this.#faults = faults;
		this.#state = (faults.seed ?? 1) | 1;
		this.worsen(faults);
		line.on('data', (bytes: Buffer) => this.#fromGuestLater.take(this.#fromGuest(bytes)));
		line.on('close', () => this.push(null));
		line.on('error', () => undefined);
	}

	/** Uses these faults from now on. */
	worsen(faults: Faults): void {
		this.#faults = faults;
		this.#fromGuestLater.characterMs = this.#toGuestLater.characterMs = faults.characterMs ?? 0;
	}

	/** xorshift32: the same faults for the same seed. */
	#random(): number {
		this.#state ^= this.#state << 13;
		this.#state ^= this.#state >>> 17;
		this.#state ^= this.#state << 5;
		return (this.#state >>> 0) / 2 ** 32;
	}

	#fromGuest(bytes: Buffer): Buffer {
		const { dropFromGuest = 0, corruptFromGuest = 0, interleave = 0, texts = [] } = this.#faults;
		const result: number[] = [];
		for (const byte of bytes) {
			if (interleave > 0 && this.#random() < interleave) {
				this.interleaved += 1;
				const text = texts[Math.floor(this.#random() * texts.length)] ?? '';
				result.push(...Buffer.from(text));
			}
			if (dropFromGuest > 0 && this.#random() < dropFromGuest) this.dropped += 1;
			else if (corruptFromGuest > 0 && this.#random() < corruptFromGuest) result.push((byte ^ 0x15) & 0x7f);
			else result.push(byte);
		}
		return Buffer.from(result);
	}

	override _read(): void {
		this.#line.resume();
	}

	override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
		const { dropToGuest = 0 } = this.#faults;
		const kept = dropToGuest === 0 ? chunk : Buffer.from(chunk.filter(() => this.#random() >= dropToGuest));
		this.dropped += chunk.length - kept.length;
		this.#toGuestLater.take(kept);
		done();
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#fromGuestLater.stop();
		this.#toGuestLater.stop();
		this.#line.destroy();
		done(error);
	}
}

/** Passes characters on, each after its transmission time. */
class SlowWire {
	characterMs = 0;
	readonly #give: (bytes: Buffer) => void;
	#waiting: Buffer = Buffer.alloc(0);
	#timer: NodeJS.Timeout | undefined;
	#since = 0;

	constructor(give: (bytes: Buffer) => void) {
		this.#give = give;
	}

	take(bytes: Buffer): void {
		if (this.characterMs === 0 && this.#timer === undefined) {
			this.#give(bytes);
			return;
		}
		this.#waiting = Buffer.concat([this.#waiting, bytes]);
		if (this.#timer === undefined) this.#since = performance.now();
		this.#timer ??= setInterval(() => this.#pass(), 5);
	}

	stop(): void {
		clearInterval(this.#timer);
		this.#timer = undefined;
	}

	#pass(): void {
		const due = Math.floor((performance.now() - this.#since) / this.characterMs);
		if (due > 0) this.#give(this.#waiting.subarray(0, due));
		this.#waiting = this.#waiting.subarray(due);
		this.#since += due * this.characterMs;
		if (this.#waiting.length === 0) this.stop();
	}
}
