/** Message numbers of the SSH connection protocol (RFC 4254 section 9). */
export const message = {
	globalRequest: 80,
	requestFailure: 82,
	channelOpen: 90,
	channelOpenConfirmation: 91,
	channelOpenFailure: 92,
	channelWindowAdjust: 93,
	channelData: 94,
	channelExtendedData: 95,
	channelEof: 96,
	channelClose: 97,
	channelRequest: 98,
	channelSuccess: 99,
	channelFailure: 100,
} as const;

/** A field of a message: a number is a uint32, text and bytes are SSH strings, a boolean is one byte (RFC 4251 section 5). */
export type Field = number | string | Uint8Array | boolean;

/** Encodes fields one after the other. */
export function encodeFields(fields: readonly Field[]): Buffer {
	const parts: Uint8Array[] = [];
	for (const field of fields) {
		if (typeof field === 'boolean') parts.push(Uint8Array.of(field ? 1 : 0));
		else if (typeof field === 'number') parts.push(uint32(field));
		else {
			const bytes = typeof field === 'string' ? Buffer.from(field, 'utf8') : field;
			parts.push(uint32(bytes.length), bytes);
		}
	}
	return Buffer.concat(parts);
}

function uint32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}

/** Reads fields in the order in which they were written. @throws RangeError past the end */
export class FieldReader {
	readonly #bytes: Buffer;
	#at = 0;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	uint32(): number {
		const value = this.#bytes.readUInt32BE(this.#at);
		this.#at += 4;
		return value;
	}

	boolean(): boolean {
		const value = this.#bytes.readUInt8(this.#at);
		this.#at += 1;
		return value !== 0;
	}

	bytes(): Buffer {
		const length = this.uint32();
		if (this.#at + length > this.#bytes.length) throw new RangeError('an SSH string longer than its message');
		const value = this.#bytes.subarray(this.#at, this.#at + length);
		this.#at += length;
		return value;
	}

	text(): string {
		return this.bytes().toString('utf8');
	}
}

/** Splits a byte stream into packets, each preceded by its length as a uint32. */
export class PacketSplitter {
	#pending: Buffer[] = [];
	#have = 0;

	/** Returns the packets that `chunk` completes, without their lengths. @throws RangeError for a packet above 1 MiB */
	push(chunk: Buffer): Buffer[] {
		this.#pending.push(chunk);
		this.#have += chunk.length;
		if (this.#have < 4) return [];
		let bytes = Buffer.concat(this.#pending);
		const packets: Buffer[] = [];
		while (bytes.length >= 4) {
			const length = bytes.readUInt32BE(0);
			if (length > 1 << 20) throw new RangeError(`a packet of ${length} bytes`);
			if (bytes.length < 4 + length) break;
			packets.push(bytes.subarray(4, 4 + length));
			bytes = bytes.subarray(4 + length);
		}
		this.#pending = [bytes];
		this.#have = bytes.length;
		return packets;
	}
}
