import { halfSipHash } from './hash.ts';

/** Kinds and flags of a frame's first byte; the protocol is described in images/tools/agent/link.h. */
export const kind = { hello: 1, reply: 2, data: 3, bye: 4 } as const;
export const flag = { poll: 0x10, hole: 0x20, again: 0x40, replies: 0x80 } as const;
export const version = 2;
/** Header of a data frame: kind, offset, acknowledged; 2 more bytes with a hole. */
export const headLength = 5;

const noKey = new Uint8Array(8);
/** How many bytes of HalfSipHash's 64-bit result are sent. */
const tagLength = 6;

/** Who sent a frame. The tag covers it, so an echoed frame is not taken for an answer. */
export type Sender = 'H' | 'G';

function tagOf(sender: Sender, key: Uint8Array, body: Uint8Array): Buffer {
	const tagged = Buffer.allocUnsafe(1 + body.length);
	tagged[0] = sender.charCodeAt(0);
	tagged.set(body, 1);
	const tag = Buffer.allocUnsafe(8);
	halfSipHash(key, tagged, tag);
	return tag.subarray(0, tagLength);
}

/** Encodes a frame for the line. Without `key`, the all-zero key is used, as for HELLO. */
export function encodeFrame(sender: Sender, body: Uint8Array, key: Uint8Array = noKey): string {
	return `~${Buffer.concat([body, tagOf(sender, key, body)]).toString('base64url')}\n`;
}

/** The body of a frame without its `~` and line end, or `undefined` if `sender` did not make it with `key`. */
export function decodeFrame(sender: Sender, line: string, key: Uint8Array = noKey): Buffer | undefined {
	const bytes = Buffer.from(line, 'base64url');
	if (bytes.length <= tagLength) return undefined;
	const body = bytes.subarray(0, -tagLength);
	return tagOf(sender, key, body).equals(bytes.subarray(-tagLength)) ? body : undefined;
}

const tilde = 0x7e;
const newline = 0x0a;
const tildeText = Buffer.from('~');
const inAlphabet = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
	inAlphabet[character.charCodeAt(0)] = 1;

/** Longer than any of our frames. */
const longestFrame = 1024;
/** Anything shorter is an ordinary tilde, not a damaged frame. */
const shortestStart = 8;
/** How many foreign lines may interrupt one frame. */
const patienceBytes = 16 * 1024;

/**
 * Extracts frames from a console's bytes. Other programs may print on the same line at any time, even inside a frame.
 * Bytes that cannot belong to a frame are set aside as text. The rest is tried as one frame, and its tag decides.
 */
export class FrameDemultiplexer {
	/** Lines that looked like frames but were not: lost characters, echoes, imitations. */
	damaged = 0;
	readonly #accept: (line: string) => boolean;
	#inFrame = false;
	#candidate = '';
	/** Bytes of the current line, while inside a frame. */
	#pending: Buffer[] = [];
	#pendingLength = 0;
	/** How much of the current line may belong to a frame. */
	#ownLength = 0;
	#foreignLength = 0;

	/** `accept` consumes a line between `~` and its end if it is a frame. */
	constructor(accept: (line: string) => boolean) {
		this.#accept = accept;
	}

	/** Takes further bytes and returns those that are text. */
	push(bytes: Buffer): Buffer {
		const text: Buffer[] = [];
		let at = 0;
		while (at < bytes.length) {
			if (!this.#inFrame) {
				const start = bytes.indexOf(tilde, at);
				text.push(bytes.subarray(at, start === -1 ? bytes.length : start));
				if (start === -1) break;
				this.#inFrame = true;
				this.#candidate = '';
				this.#foreignLength = 0;
				at = start + 1;
				continue;
			}
			if (bytes[at] === tilde && this.#pendingLength === 0 && this.#candidate === '') {
				// Two tildes in a row: the first did not start a frame.
				text.push(tildeText);
				at += 1;
				continue;
			}
			let end = at;
			while (end < bytes.length && bytes[end] !== newline && bytes[end] !== tilde) end++;
			const piece = bytes.subarray(at, end);
			if (this.#ownLength === this.#pendingLength) this.#ownLength += alphabetPrefix(piece);
			this.#pending.push(piece);
			this.#pendingLength += piece.length;
			at = end;
			if (end === bytes.length) {
				this.#giveUpEarly(text);
			} else if (bytes[end] === tilde) {
				// A new start: the previous frame was cut off, or was not ours.
				this.#abandon(text, this.#takePending(), '');
			} else {
				this.#endLine(text);
				at += 1;
			}
		}
		return text.length === 1 ? text[0]! : Buffer.concat(text);
	}

	#takePending(): Buffer {
		const line = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
		this.#pending = [];
		this.#pendingLength = 0;
		this.#ownLength = 0;
		return line;
	}

	/** Text with a tilde in it, such as a prompt, must not wait for a line end that may never come. */
	#giveUpEarly(text: Buffer[]): void {
		const isTooLong = this.#pendingLength > longestFrame + patienceBytes;
		const isForeign = this.#candidate === '' && this.#ownLength < Math.min(this.#pendingLength, shortestStart);
		if (isTooLong || isForeign) this.#abandon(text, this.#takePending(), '');
	}

	#endLine(text: Buffer[]): void {
		const raw = this.#takePending();
		const line = raw.at(-1) === 0x0d ? raw.subarray(0, -1) : raw;
		const own = alphabetPrefix(line);
		const candidate = this.#candidate + line.toString('latin1', 0, own);
		if (own === line.length && candidate.length >= shortestStart) {
			this.#candidate = candidate;
			if (candidate.length <= longestFrame && this.#accept(candidate)) this.#inFrame = false;
			else this.#abandon(text, Buffer.alloc(0), '\n');
			return;
		}
		if (candidate.length < shortestStart || candidate.length > longestFrame) {
			this.#abandon(text, raw, '\n');
			return;
		}
		this.#candidate = candidate;
		text.push(line.subarray(own), Buffer.from('\n'));
		this.#foreignLength += line.length - own;
		if (this.#foreignLength > patienceBytes) this.#abandon(text, Buffer.alloc(0), '');
	}

	/** Returns bytes that were not a frame after all. Drops and counts what looks like the remains of one. */
	#abandon(text: Buffer[], rest: Buffer, end: string): void {
		const own = alphabetPrefix(rest);
		const start = this.#candidate + rest.toString('latin1', 0, own);
		if (start.length >= 2 * shortestStart) {
			this.damaged += 1;
			text.push(rest.subarray(own));
			if (own < rest.length && end !== '') text.push(Buffer.from(end));
		} else text.push(Buffer.from(`~${this.#candidate}`, 'latin1'), rest, Buffer.from(end));
		this.#candidate = '';
		this.#inFrame = false;
	}
}

function alphabetPrefix(line: Uint8Array): number {
	let length = 0;
	while (length < line.length && inAlphabet[line[length]!] === 1) length++;
	return length;
}
