import { isAscii, isUtf8 } from 'node:buffer';

/** What the byte stream was cut into: a JSON object, or a piece that cannot be one, and why. */
export interface Frame {
	readonly text: string;
	/** Why this is no JSON object; absent for one that is worth parsing. */
	readonly broken?: string;
}

export interface FramingLimits {
	/** Longest object that is taken, in bytes. */
	readonly maxBytes?: number;
	/** Deepest nesting that is taken. QEMU itself takes 1024. */
	readonly maxDepth?: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
const evidenceBytes = 200;

/**
 * Cuts a byte stream into JSON objects by nesting depth, not by line: `pretty=on` spreads a message over many lines, and
 * any chunking is allowed, also within a character. After damage it finds the next object by grammar alone: a control
 * character cannot stand in a string, nor an object directly after another value.
 */
export class JsonFramer {
	readonly #maxBytes: number;
	readonly #maxDepth: number;
	/** Earlier chunks of the object that has begun. */
	#parts: Buffer[] = [];
	#partsBytes = 0;
	#depth = 0;
	#inString = false;
	#escaped = false;
	/** Last byte of structure outside strings; a closing quote stands for a whole string. */
	#before = 0;
	/** Why the object that was scanned last cannot be one. */
	#broken: string | undefined;
	/** Bytes between objects that are not white space. */
	#stray = '';

	constructor({ maxBytes = 256 * 1024 * 1024, maxDepth = 1100 }: FramingLimits = {}) {
		this.#maxBytes = maxBytes;
		this.#maxDepth = maxDepth;
	}

	/** Takes the next bytes; returns what they completed. The chunk may be changed later. */
	push(chunk: Buffer): Frame[] {
		const frames: Frame[] = [];
		const { length } = chunk;
		/** Where the part of the current object in this chunk begins. */
		let start = 0;
		for (let index = 0; index < length; ) {
			if (this.#depth === 0) {
				index = this.#findObject(chunk, index, frames);
				start = index - 1;
				continue;
			}
			index = this.#scan(chunk, index);
			if (this.#broken !== undefined) {
				frames.push(this.#break(chunk.subarray(start, index), this.#broken));
				// The byte that broke it may begin the next object; no other is worth a look.
				if (chunk[index] !== OPEN_BRACE) index++;
			} else if (this.#depth === 0) frames.push(this.#complete(chunk.subarray(start, index)));
		}
		if (this.#depth > 0) {
			const rest = chunk.subarray(start);
			this.#partsBytes += rest.length;
			if (this.#partsBytes > this.#maxBytes) {
				frames.push(this.#break(rest, `longer than ${this.#maxBytes} bytes`));
			} else this.#parts.push(Buffer.from(rest));
		} else this.#flushStray(frames);
		return frames;
	}

	/** Goes on to after the brace that begins an object, or to the end; what else stands there is stray. */
	#findObject(chunk: Buffer, from: number, frames: Frame[]): number {
		for (let index = from; index < chunk.length; index++) {
			const byte = chunk[index]!;
			if (byte === OPEN_BRACE) {
				this.#flushStray(frames);
				this.#depth = 1;
				this.#before = OPEN_BRACE;
				return index + 1;
			}
			if (byte === NEWLINE) this.#flushStray(frames);
			else if ((byte !== SPACE && byte !== 0x0d && byte !== 0x09) || this.#stray !== '') this.#addStray(byte);
		}
		return chunk.length;
	}

	/**
	 * Goes on within an object: to after its last brace, to the byte that cannot stand where it does (`#broken` then says
	 * why), or to the end. Every byte of a long reply passes here: the state is in locals, which is three times as fast.
	 */
	#scan(chunk: Buffer, from: number): number {
		const { length } = chunk;
		let depth = this.#depth;
		let before = this.#before;
		let inString = this.#inString;
		let broken: string | undefined;
		let index = from;
		for (; index < length; index++) {
			let byte = chunk[index]!;
			if (inString) {
				if (this.#escaped) {
					this.#escaped = false;
					if (byte >= SPACE) continue;
				}
				while (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH && ++index < length) byte = chunk[index]!;
				if (index >= length) break;
				if (byte === QUOTE) {
					inString = false;
					before = QUOTE;
				} else if (byte === BACKSLASH) this.#escaped = true;
				else {
					broken = 'a control character in a string';
					break;
				}
				continue;
			}
			if (byte === QUOTE) inString = true;
			else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
				if (before !== COLON && before !== COMMA && before !== OPEN_BRACKET) broken = 'a value directly after another';
				else if (++depth > this.#maxDepth) broken = `nested deeper than ${this.#maxDepth}`;
				if (broken !== undefined) break;
				before = byte;
			} else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
				before = byte;
				if (--depth === 0) {
					index++;
					break;
				}
			} else if (byte > SPACE && byte < 0x7f) before = byte;
			else if (byte !== SPACE && byte !== NEWLINE && byte !== 0x0d && byte !== 0x09) {
				broken = 'a stray byte outside of strings';
				break;
			}
		}
		this.#depth = depth;
		this.#before = before;
		this.#inString = inString;
		this.#broken = broken;
		return index;
	}

	/** Whether an object has begun that has not ended. */
	get partial(): boolean {
		return this.#depth > 0;
	}

	/** To be called at the end of the stream: what was begun and not finished. */
	end(): Frame | undefined {
		return this.#depth === 0 ? undefined : this.#break(Buffer.alloc(0), 'cut off by the end of the stream');
	}

	#complete(last: Buffer): Frame {
		const bytes = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
		this.#reset();
		if (isAscii(bytes)) return { text: bytes.toString('latin1') };
		return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { text: bytes.toString('latin1'), broken: 'not UTF-8' };
	}

	#break(last: Buffer, broken: string): Frame {
		const bytes = Buffer.concat([...this.#parts, last]);
		this.#reset();
		return { text: bytes.toString('latin1', 0, evidenceBytes), broken };
	}

	#reset(): void {
		this.#parts = [];
		this.#partsBytes = 0;
		this.#depth = 0;
		this.#inString = false;
		this.#escaped = false;
		this.#broken = undefined;
	}

	#addStray(byte: number): void {
		if (this.#stray.length < evidenceBytes) this.#stray += String.fromCharCode(byte);
	}

	#flushStray(frames: Frame[]): void {
		if (this.#stray === '') return;
		frames.push({ text: this.#stray, broken: 'bytes between messages' });
		this.#stray = '';
	}
}
