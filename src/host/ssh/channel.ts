import { Duplex, Readable } from 'node:stream';
import type { ProcessExit } from '../host.ts';
import { encodeFields, type Field, type FieldReader, message } from './wire.ts';

/** Sends one message of the connection protocol. */
export type Send = (type: number, fields: readonly Field[], raw?: Uint8Array) => void;

/** Receive window: bytes that the peer may send before we report that data was read. */
export const receiveWindowBytes = 2 << 20;
export const largestDataBytes = 32_768;

/**
 * One channel of an SSH connection (RFC 4254 section 5): a stream in both directions, a separate standard error, and for
 * sessions how the program ended.
 */
export class Channel extends Duplex {
	readonly stderr: Readable;
	/** Resolves when the channel has closed: with how the program ended, or `undefined` if the server did not say. */
	readonly exited: Promise<ProcessExit | undefined>;
	readonly #send: Send;
	readonly #localId: number;
	readonly #remoteId: number;
	readonly #ended = Promise.withResolvers<ProcessExit | undefined>();
	#remoteWindow: number;
	#remoteLargest: number;
	#waiting: { bytes: Buffer; done: (error?: Error | null) => void } | undefined;
	#unread = 0;
	#exit: ProcessExit | undefined;
	#closeSent = false;
	#gone = false;
	#outputEnded = false;
	#replies: { resolve: (accepted: boolean) => void }[] = [];

	constructor(
		send: Send,
		ids: { readonly localId: number; readonly remoteId: number },
		limits: { readonly windowBytes: number; readonly largestBytes: number },
	) {
		super({ allowHalfOpen: true });
		this.#send = send;
		this.#localId = ids.localId;
		this.#remoteId = ids.remoteId;
		this.#remoteWindow = limits.windowBytes;
		this.#remoteLargest = Math.min(limits.largestBytes, largestDataBytes);
		this.exited = this.#ended.promise;
		this.stderr = new Readable({ read: () => this.#credit(0) });
		// A caller that only reads stdout must not crash when the connection ends with an error.
		this.stderr.on('error', () => undefined);
		// Readers and writers still get the error. An unused channel must not end the process.
		this.on('error', () => undefined);
		this.on('error', () => undefined);
	}

	get localId(): number {
		return this.#localId;
	}

	/** Sends a request on this channel; `false` if it was refused. */
	request(name: string, fields: readonly Field[]): Promise<boolean> {
		const { promise, resolve } = Promise.withResolvers<boolean>();
		this.#replies.push({ resolve });
		this.#send(message.channelRequest, [this.#remoteId, name, true], encodeFields(fields));
		return promise;
	}

	/** Handles a message for this channel; `reader` is positioned after the channel number. */
	receive(type: number, reader: FieldReader): void {
		switch (type) {
			case message.channelData:
				this.#incoming(this, reader.bytes());
				break;
			case message.channelExtendedData: {
				const code = reader.uint32();
				const bytes = reader.bytes();
				if (code === 1) this.#incoming(this.stderr, bytes);
				else this.#credit(bytes.length);
				break;
			}
			case message.channelWindowAdjust:
				this.#remoteWindow += reader.uint32();
				this.#flush();
				break;
			case message.channelEof:
				this.#endOutput();
				break;
			case message.channelRequest:
				this.#requested(reader);
				break;
			case message.channelSuccess:
			case message.channelFailure:
				this.#replies.shift()?.resolve(type === message.channelSuccess);
				break;
			case message.channelClose:
				this.#sendClose();
				this.#finish(undefined);
				break;
		}
	}

	/** The connection has ended: no more data will arrive. */
	lost(error: Error): void {
		this.#closeSent = true;
		this.#finish(error);
	}

	#requested(reader: FieldReader): void {
		const name = reader.text();
		const wantReply = reader.boolean();
		if (name === 'exit-status') this.#exit ??= { status: reader.uint32() & 0xff, signal: null };
		// RFC 4254 6.10: signal names have no SIG. Others carry a domain ("SIG@openssh.com" for any signal that OpenSSH has no
		// name for).
		if (name === 'exit-signal') this.#exit ??= { status: null, signal: `SIG${reader.text().replace(/^SIG@.*/, '?')}` };
		if (wantReply) this.#send(message.channelFailure, [this.#remoteId]);
		if (this.#exit !== undefined) this.#ended.resolve(this.#exit);
	}

	#incoming(stream: Readable, bytes: Buffer): void {
		this.#unread += bytes.length;
		if (stream.destroyed || this.#outputEnded) this.#credit(0);
		else if (stream.push(bytes)) this.#credit(0);
	}

	#endOutput(): void {
		if (this.#outputEnded) return;
		this.#outputEnded = true;
		this.push(null);
		this.stderr.push(null);
	}

	/** Extends the peer's window by the amount read, once it is large enough for a message. */
	#credit(extraBytes: number): void {
		this.#unread += extraBytes;
		if (this.#closeSent || this.#unread < receiveWindowBytes / 8) return;
		this.#send(message.channelWindowAdjust, [this.#remoteId, this.#unread]);
		this.#unread = 0;
	}

	override _read(): void {
		this.#credit(0);
	}

	override _write(chunk: Buffer | string, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
		this.#waiting = { bytes: typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, done };
		this.#flush();
	}

	#flush(): void {
		const waiting = this.#waiting;
		if (waiting === undefined) return;
		if (this.#closeSent || this.#gone) {
			this.#waiting = undefined;
			waiting.done(Object.assign(new Error('the channel is closed'), { code: 'EPIPE' }));
			return;
		}
		while (waiting.bytes.length > 0 && this.#remoteWindow > 0) {
			const size = Math.min(waiting.bytes.length, this.#remoteWindow, this.#remoteLargest);
			this.#send(message.channelData, [this.#remoteId, waiting.bytes.subarray(0, size)]);
			this.#remoteWindow -= size;
			waiting.bytes = waiting.bytes.subarray(size);
		}
		if (waiting.bytes.length > 0) return;
		this.#waiting = undefined;
		waiting.done();
	}

	override _final(done: (error?: Error | null) => void): void {
		if (!this.#closeSent) this.#send(message.channelEof, [this.#remoteId]);
		done();
	}

	override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
		this.#sendClose();
		this.#waiting?.done(error);
		this.#waiting = undefined;
		if (!this.stderr.destroyed) this.stderr.destroy();
		done(error);
	}

	#sendClose(): void {
		if (this.#closeSent) return;
		this.#closeSent = true;
		this.#send(message.channelClose, [this.#remoteId]);
	}

	#finish(error: Error | undefined): void {
		if (this.#gone) return;
		this.#gone = true;
		this.#ended.resolve(this.#exit);
		for (const reply of this.#replies.splice(0)) reply.resolve(false);
		this.#flush();
		if (error === undefined) {
			this.#endOutput();
			if (!this.writableEnded) this.end();
		} else {
			this.stderr.destroy(error);
			this.destroy(error);
		}
	}
}
