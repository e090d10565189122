import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { harmless } from '../../lib/text/streams.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { Channel, largestDataBytes, receiveWindowBytes, type Send } from './channel.ts';
import { encodeFields, type Field, FieldReader, message, PacketSplitter } from './wire.ts';

/** Numbers of ssh's control socket protocol (OpenSSH, PROTOCOL.mux). */
const mux = { hello: 0x00000001, version: 4, proxy: 0x1000000f, proxyReply: 0x8000000f } as const;

/** The other side refused to open a channel. `code` is RFC 4254 5.1's reason. */
export class ChannelRefused extends Error {
	override readonly name = 'ChannelRefused';
	readonly code: number;

	constructor(code: number, text: string) {
		super(text);
		this.code = code;
	}
}

/**
 * Channels over a running ssh master in proxy mode. The master handles keys and encryption; this class speaks the connection
 * protocol over the master's control socket. This needs no local process per command. It also gives access to the server's
 * report of how a program ended (exit-status, exit-signal), which the ssh program does not pass on.
 */
export class SshConnection implements AsyncDisposable {
	/** Resolves with the reason when the connection has ended; never rejects. */
	readonly ended: Promise<Error>;
	readonly #socket: Socket;
	readonly #splitter = new PacketSplitter();
	readonly #end = Promise.withResolvers<Error>();
	readonly #channels = new Map<number, Channel>();
	readonly #opening = new Map<number, { resolve: (channel: Channel) => void; reject: (error: Error) => void }>();
	#error: Error | undefined;
	#ready: (() => void) | undefined;
	#state: 'hello' | 'proxy' | 'open' = 'hello';
	#nextId = 0;

	private constructor(socket: Socket) {
		this.#socket = socket;
		this.ended = this.#end.promise;
		socket.on('data', (chunk: Buffer) => {
			try {
				for (const packet of this.#splitter.push(chunk)) this.#receive(packet);
			} catch (error) {
				socket.destroy(error as Error);
			}
		});
		socket.once('close', () => this.#close(new Error('the connection to the ssh master has ended')));
	}

	/** Connects to the control socket of an ssh master. The caller owns the connection. */
	static async open(controlPath: string, options: WaitOptions): Promise<SshConnection> {
		const socket = harmless(connect({ path: controlPath }));
		await within('the ssh master', once(socket, 'connect'), options);
		const connection = new SshConnection(socket);
		const ready = new Promise<void>(resolve => {
			connection.#ready = resolve;
		});
		connection.#write(encodeFields([mux.hello, mux.version]));
		try {
			const first = await within('the ssh master', Promise.race([ready, connection.ended]), options);
			if (first instanceof Error) throw first;
			return connection;
		} catch (error) {
			socket.destroy();
			throw error;
		}
	}

	/** Starts a command in a new session. @throws ChannelRefused; the reason why the connection ended */
	async exec(command: string): Promise<Channel> {
		const channel = await this.#open('session', []);
		if (await channel.request('exec', [command])) return channel;
		channel.destroy();
		throw this.#error ?? new ChannelRefused(1, 'the server refused to start the command');
	}

	/** Connects to a Unix socket on the host (OpenSSH's PROTOCOL, 2.4). @throws ChannelRefused when nothing listens */
	connectUnix(socketPath: string): Promise<Channel> {
		return this.#open('direct-streamlocal@openssh.com', [socketPath, '', 0]);
	}

	/** Whether a channel is open or being opened. */
	get isBusy(): boolean {
		return this.#channels.size + this.#opening.size > 0;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#socket.destroy();
		await this.ended;
	}

	#open(type: string, fields: readonly Field[]): Promise<Channel> {
		if (this.#error !== undefined) return Promise.reject(this.#error);
		const id = this.#nextId++;
		const { promise, resolve, reject } = Promise.withResolvers<Channel>();
		this.#opening.set(id, { resolve, reject });
		this.#send(message.channelOpen, [type, id, receiveWindowBytes, largestDataBytes], encodeFields(fields));
		return promise;
	}

	readonly #send: Send = (type, fields, raw = new Uint8Array()) => {
		if (this.#error !== undefined || this.#socket.destroyed) return;
		// A packet consists of the padding length (0 without encryption), the type and the fields.
		this.#write(Buffer.concat([Uint8Array.of(0, type), encodeFields(fields), raw]));
	};

	#write(packet: Uint8Array): void {
		const length = Buffer.alloc(4);
		length.writeUInt32BE(packet.length);
		this.#socket.write(Buffer.concat([length, packet]));
	}

	#receive(packet: Buffer): void {
		if (this.#state !== 'open') {
			this.#greet(new FieldReader(packet));
			return;
		}
		const type = packet.readUInt8(1);
		const reader = new FieldReader(packet.subarray(2));
		if (type === message.globalRequest) {
			reader.text();
			if (reader.boolean()) this.#send(message.requestFailure, []);
			return;
		}
		if (type < message.channelOpenConfirmation || type > message.channelFailure) return;
		const id = reader.uint32();
		if (type === message.channelOpenConfirmation || type === message.channelOpenFailure) {
			this.#opened(type, id, reader);
			return;
		}
		const channel = this.#channels.get(id);
		if (type === message.channelClose) this.#channels.delete(id);
		channel?.receive(type, reader);
	}

	#greet(reader: FieldReader): void {
		const type = reader.uint32();
		if (this.#state === 'hello') {
			const version = reader.uint32();
			if (type !== mux.hello || version !== mux.version) throw new Error(`an ssh master of protocol ${version}`);
			this.#state = 'proxy';
			this.#write(encodeFields([mux.proxy, 0]));
			return;
		}
		if (type !== mux.proxyReply) throw new Error('the ssh master refuses to be a proxy');
		this.#state = 'open';
		this.#ready?.();
	}

	#opened(type: number, id: number, reader: FieldReader): void {
		const opening = this.#opening.get(id);
		this.#opening.delete(id);
		if (type === message.channelOpenFailure) {
			const code = reader.uint32();
			opening?.reject(new ChannelRefused(code, reader.text()));
			return;
		}
		const remoteId = reader.uint32();
		const limits = { windowBytes: reader.uint32(), largestBytes: reader.uint32() };
		const channel = new Channel(this.#send, { localId: id, remoteId }, limits);
		this.#channels.set(id, channel);
		opening?.resolve(channel);
	}

	#close(error: Error): void {
		if (this.#error !== undefined) return;
		this.#error = error;
		for (const { reject } of this.#opening.values()) reject(error);
		for (const channel of this.#channels.values()) channel.lost(error);
		this.#opening.clear();
		this.#channels.clear();
		this.#end.resolve(error);
	}
}
