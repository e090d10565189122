import { halfSipHash } from './hash.ts';

/** Kinds and flags of a frame's first byte; the protocol is described in images/tools/agent/link.h. */
export const kind = { hello: 1, reply: 2, data: 3, bye: 4 } as const;
export const flag = { poll: 0x10, hole: 0x20, again: 0x40, replies: 0x80 } as const;
export const version = 2;
/** Of a frame of data: kind, offset, acknowledged; 2 more with a hole. */
export const headLength = 5;

const noKey = new Uint8Array(8);
/** Of HalfSipHash's 64 bits so many bytes are sent. */
const tagLength = 6;

/** Who sent a frame: it is part of what the tag is made of, so that an echo is not an answer. */
export type Sender = 'H' | 'G';

function tagOf(sender: Sender, key: Uint8Array, body: Uint8Array): Buffer {
	const tagged = Buffer.allocUnsafe(1 + body.length);
	tagged[0] = sender.charCodeAt(0);
	tagged.set(body, 1);
	const tag = Buffer.allocUnsafe(8);
	halfSipHash(key, tagged, tag);
	return tag.subarray(0, tagLength);
}

/** A frame as it goes over the line. `key` absent: the key of zeros, for HELLO. */
export function encodeFrame(sender: Sender, body: Uint8Array, key: Uint8Array = noKey): string {
	return `~${Buffer.concat([body, tagOf(sender, key, body)]).toString('base64url')}\n`;
}

/** The body of a frame without its `~` and end of line, or `undefined` when it is not one made by `sender` with `key`. */
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

/** Longer than any frame of ours. */
const longestFrame = 1024;
/** Shorter beginnings are somebody's tilde, not a spoilt frame. */
const shortestStart = 8;
/** As many lines may others print into the middle of one frame. */
const patienceBytes = 16 * 1024;

/**
 * Takes frames out of a console's bytes. Others print on the same line at any moment, also into the middle of a frame:
 * what cannot be part of a frame is put aside as text, the rest is tried together, and the tag decides.
 */
export class FrameDemultiplexer {
	/** Lines that looked like frames and were not: lost characters, echoes, imitations. */
	damaged = 0;
	readonly #accept: (line: string) => boolean;
	#inFrame = false;
	#candidate = '';
	/** Bytes of the current line, while in a frame. */
	#pending: Buffer[] = [];
	#pendingLength = 0;
	/** How far the current line may be a frame's. */
	#ownLength = 0;
	#foreignLength = 0;

	/** `accept` takes a line between `~` and its end if it is a frame. */
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
				// One tilde after another: the first was nobody's beginning.
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
				// A new beginning: what came before was cut off, or was not ours.
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

	/** Text with a tilde in it, such as a prompt, must not wait for the end of a line that may never come. */
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

	/** Gives back what was not a frame after all; what looks like the remains of one is dropped and counted. */
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
