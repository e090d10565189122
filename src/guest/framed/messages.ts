import { constants } from 'node:os';

/** A message in the guest's stream: see images/tools/agent/command.h. */
export interface Message {
	readonly type: string;
	readonly channel: number;
	readonly body: Buffer;
}

/** Longest message that the agent accepts or sends. */
export const longestMessage = 1 << 20;

/** Channels are numbered from 0 to one less than this. */
export const channels = 256;

export function encodeMessage(type: string, channel: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
	return Buffer.concat([Buffer.of(type.charCodeAt(0), channel), encodeNumber(body.length), body]);
}

/** Encodes a number with 7 bits a byte, lowest first, all but the last with 0x80 (unsigned LEB128, DWARF 5 section 7.6). */
function encodeNumber(number: number): Buffer {
	const bytes: number[] = [];
	let rest = number;
	for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push(0x80 | (rest % 0x80));
	return Buffer.of(...bytes, rest);
}

/** Longest encoding of a 64-bit number. */
const longestNumber = 10;

/**
 * Decodes the number at `at` and returns where it ends; `undefined` while its end is missing.
 * @throws RangeError if it does not end after 10 bytes
 */
export function decodeNumber(
	bytes: Uint8Array,
	at: number,
): { readonly number: number; readonly end: number } | undefined {
	let number = 0;
	for (let place = at; place < bytes.length; place++) {
		if (place - at >= longestNumber) throw new RangeError(`a number of more than ${longestNumber} bytes`);
		number += (bytes[place]! & 0x7f) * 0x80 ** (place - at);
		if (bytes[place]! < 0x80) return { number, end: place + 1 };
	}
	return undefined;
}

/** Message header without the length, and the longest length. */
const headBytes = 2;

/** Splits a stream into messages. The guest is not trusted: a message that is too long ends the reading. */
export class MessageReader {
	readonly #onMessage: (message: Message) => void;
	#parts: Buffer[] = [];
	#length = 0;
	#needed = 0;

	constructor(onMessage: (message: Message) => void) {
		this.#onMessage = onMessage;
	}

	/** @throws RangeError for a message of more than {@link longestMessage} bytes */
	push(bytes: Buffer): void {
		this.#parts.push(bytes);
		this.#length += bytes.length;
		if (this.#length < this.#needed) return;
		let all = this.#parts.length === 1 ? bytes : Buffer.concat(this.#parts);
		for (;;) {
			const head = decodeNumber(all, headBytes);
			if (head !== undefined && head.number > longestMessage)
				throw new RangeError(`a message of ${head.number} bytes; allowed: ${longestMessage}`);
			const size = head === undefined ? all.length + 1 : head.end + head.number;
			if (head === undefined || all.length < size) {
				this.#parts = all.length === 0 ? [] : [all];
				this.#length = all.length;
				this.#needed = size;
				return;
			}
			const body = all.subarray(head.end, size);
			const [type, channel] = [String.fromCharCode(all[0]!), all[1]!];
			all = all.subarray(size);
			this.#onMessage({ type, channel, body });
		}
	}
}

/** Converts how a process in the guest ended. */
export type Done =
	| { readonly how: 'status'; readonly status: number }
	| { readonly how: 'signal'; readonly signal: string }
	| { readonly how: 'error'; readonly code: string }
	| { readonly how: 'file'; readonly sizeBytes: number; readonly sha256: string };

// Both ends are Linux: generic signal and errno numbers (include/uapi/asm-generic) are the same on aarch64 and x86-64.
const nameIn = (table: object, value: number): string | undefined =>
	Object.entries(table).find(([, number]) => number === value)?.[0];

export function readDone(body: Buffer): Done | undefined {
	const read = decodeNumber(body, 1);
	if (read === undefined) return undefined;
	const { number: value, end } = read;
	switch (body[0]) {
		case 0:
			return { how: 'status', status: value };
		case 1:
			return { how: 'signal', signal: nameIn(constants.signals, value) ?? `signal ${value}` };
		case 2:
			return { how: 'error', code: nameIn(constants.errno, value) ?? `errno ${value}` };
		case 3:
			return { how: 'file', sizeBytes: value, sha256: body.toString('hex', end, end + 32) };
		default:
			return undefined;
	}
}

/** The body of a request to run a program. */
export function encodeRun(
	argv: readonly string[],
	options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly hasStdin: boolean },
): Buffer {
	const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
	return Buffer.concat([
		...[Buffer.of(options.hasStdin ? 0 : 1), encodeNumber(argv.length), encodeNumber(env.length)],
		...[options.cwd, ...argv, ...env].map(text => Buffer.from(`${text}\0`)),
	]);
}
