import { constants } from 'node:os';

/** A message in the guest's stream: see images/tools/agent/command.h. */
export interface Message {
	readonly type: string;
	readonly channel: number;
	readonly body: Buffer;
}

const headLength = 7;

/** What the agent takes in one message. */
export const longestMessage = 1 << 20;

export function encodeMessage(type: string, channel: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
	const head = Buffer.alloc(headLength);
	head.write(type, 0, 'latin1');
	head.writeUInt16LE(channel, 1);
	head.writeUInt32LE(body.length, 3);
	return Buffer.concat([head, body]);
}

/** Cuts a stream into messages. */
export class MessageReader {
	readonly #onMessage: (message: Message) => void;
	#parts: Buffer[] = [];
	#length = 0;
	#needed = headLength;

	constructor(onMessage: (message: Message) => void) {
		this.#onMessage = onMessage;
	}

	push(bytes: Buffer): void {
		this.#parts.push(bytes);
		this.#length += bytes.length;
		while (this.#length >= this.#needed) {
			const all = Buffer.concat(this.#parts);
			const size = headLength + all.readUInt32LE(3);
			if (all.length < size) {
				this.#parts = [all];
				this.#needed = size;
				return;
			}
			this.#parts = [all.subarray(size)];
			this.#length = all.length - size;
			this.#needed = headLength;
			this.#onMessage({
				type: String.fromCharCode(all[0]!),
				channel: all.readUInt16LE(1),
				body: all.subarray(headLength, size),
			});
		}
	}
}

/** How something in the guest ended. */
export type Done =
	| { readonly how: 'status'; readonly status: number }
	| { readonly how: 'signal'; readonly signal: string }
	| { readonly how: 'error'; readonly code: string }
	| { readonly how: 'file'; readonly sizeBytes: number; readonly sha256: string };

// Both ends are Linux: generic signal and errno numbers (include/uapi/asm-generic) are the same on aarch64 and x86-64.
const nameIn = (table: object, value: number): string | undefined =>
	Object.entries(table).find(([, number]) => number === value)?.[0];

export function readDone(body: Buffer): Done | undefined {
	if (body.length < 9) return undefined;
	const value = Number(body.readBigUInt64LE(1));
	switch (body[0]) {
		case 0:
			return { how: 'status', status: value };
		case 1:
			return { how: 'signal', signal: nameIn(constants.signals, value) ?? `signal ${value}` };
		case 2:
			return { how: 'error', code: nameIn(constants.errno, value) ?? `errno ${value}` };
		case 3:
			return { how: 'file', sizeBytes: value, sha256: body.toString('hex', 9, 41) };
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
	const head = Buffer.alloc(5);
	head[0] = options.hasStdin ? 0 : 1;
	head.writeUInt16LE(argv.length, 1);
	head.writeUInt16LE(env.length, 3);
	return Buffer.concat([head, ...[options.cwd, ...argv, ...env].map(text => Buffer.from(`${text}\0`))]);
}
