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
	/** Bytes between objects that are not white space. */
	#stray = '';

	constructor({ maxBytes = 256 * 1024 * 1024, maxDepth = 1100 }: FramingLimits = {}) {
		this.#maxBytes = maxBytes;
		this.#maxDepth = maxDepth;
	}

	/** Takes the next bytes; returns what they completed. The chunk must not be changed later. */
	push(chunk: Buffer): Frame[] {
		const frames: Frame[] = [];
		const { length } = chunk;
		/** Where the part of the current object in this chunk begins. */
		let start = 0;
		for (let index = 0; index < length; index++) {
			let byte = chunk[index]!;
			if (this.#depth === 0) {
				if (byte === OPEN_BRACE) {
					this.#flushStray(frames);
					start = index;
					this.#depth = 1;
					this.#before = OPEN_BRACE;
				} else if (byte === NEWLINE) this.#flushStray(frames);
				else if ((byte !== SPACE && byte !== 0x0d && byte !== 0x09) || this.#stray !== '') this.#addStray(byte);
				continue;
			}
			if (this.#inString) {
				if (this.#escaped) {
					this.#escaped = false;
					if (byte >= SPACE) continue;
				}
				while (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH && ++index < length) byte = chunk[index]!;
				if (index >= length) break;
				if (byte === QUOTE) {
					this.#inString = false;
					this.#before = QUOTE;
				} else if (byte === BACKSLASH) this.#escaped = true;
				else frames.push(this.#break(chunk.subarray(start, index), 'a control character in a string'));
				continue;
			}
			switch (byte) {
				case QUOTE:
					this.#inString = true;
					break;
				case OPEN_BRACE:
				case OPEN_BRACKET:
					if (this.#before !== COLON && this.#before !== COMMA && this.#before !== OPEN_BRACKET) {
						frames.push(this.#break(chunk.subarray(start, index), 'a value directly after another'));
						if (byte === OPEN_BRACE) index--;
					} else if (++this.#depth > this.#maxDepth) {
						frames.push(this.#break(chunk.subarray(start, index), `nested deeper than ${this.#maxDepth}`));
					} else this.#before = byte;
					break;
				case CLOSE_BRACE:
				case CLOSE_BRACKET:
					this.#before = byte;
					if (--this.#depth === 0) frames.push(this.#complete(chunk.subarray(start, index + 1)));
					break;
				case SPACE:
				case NEWLINE:
				case 0x0d:
				case 0x09:
					break;
				default:
					if (byte > SPACE && byte < 0x7f) this.#before = byte;
					else frames.push(this.#break(chunk.subarray(start, index), 'a stray byte outside of strings'));
			}
		}
		if (this.#depth > 0) {
			const rest = chunk.subarray(start);
			this.#partsBytes += rest.length;
			if (this.#partsBytes > this.#maxBytes) {
				frames.push(this.#break(rest, `longer than ${this.#maxBytes} bytes`));
			} else this.#parts.push(rest);
		} else this.#flushStray(frames);
		return frames;
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
