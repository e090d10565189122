import { Duplex } from 'node:stream';

export interface Faults {
	/** Part of the characters that are lost, each way. */
	readonly dropFromGuest?: number;
	readonly dropToGuest?: number;
	/** Part of the characters that arrive as another one. */
	readonly corruptFromGuest?: number;
	/** Part of the characters before which `texts` print something. */
	readonly interleave?: number;
	readonly texts?: readonly string[];
	readonly seed?: number;
}

/** A fake serial line for tests: loses and spoils characters at given rates, and lets others print at any moment. */
export class FakeFaultyLine extends Duplex {
	dropped = 0;
	interleaved = 0;
	readonly #line: Duplex;
	#faults: Faults;
	#state: number;

	constructor(line: Duplex, faults: Faults) {
		super({ allowHalfOpen: false });
		this.#line = line;
		this.#faults = faults;
		this.#state = (faults.seed ?? 1) | 1;
		line.on('data', (bytes: Buffer) => this.push(this.#fromGuest(bytes)));
		line.on('close', () => this.push(null));
		line.on('error', () => undefined);
	}

	/** From now on these faults. */
	worsen(faults: Faults): void {
		this.#faults = faults;
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
		const kept = dropToGuest === 0 ? chunk : chunk.filter(() => this.#random() >= dropToGuest);
		this.dropped += chunk.length - kept.length;
		this.#line.write(kept, error => done(error));
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#line.destroy();
		done(error);
	}
}
