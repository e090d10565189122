import type { Duplex } from 'node:stream';
import { within } from '../lib/deadline.ts';
import { type JsonValue, stringifyJson } from '../lib/json.ts';
import { type Command, type CommandOutcome, CommandTable } from './commands.ts';
import { describePeerDeath, type PeerDeath, QmpError } from './errors.ts';
import { JsonFramer } from './framing.ts';
import { Listeners } from './listeners.ts';
import { type QmpEvent, type QmpGreeting, readMessage } from './messages.ts';
import type { QmpDirection, QmpRecorder } from './recording.ts';

export interface SessionOptions {
	readonly peer: string;
	readonly record: QmpRecorder | undefined;
	readonly describeDeath: (() => Promise<PeerDeath | undefined>) | undefined;
	readonly deathTimeoutMs: number;
	readonly maxInFlight: number;
	readonly maxReplyBytes: number | undefined;
	readonly probeAfterMs: number;
	/** Deadline of commands that are given none. */
	readonly commandTimeoutMs: number;
}

type Settled = CommandOutcome<JsonValue>;

/** This many unreadable pieces in a row, with nothing readable between them, end a connection. */
const maxBrokenInARow = 16;
/** A byte that no JSON has: QEMU's parser answers it with an error and starts afresh (docs/interop/qmp-spec.rst). */
const resynchronise = Buffer.of(0xff);

/**
 * One connection from the first byte to the last: cuts and reads what comes, matches replies to commands by id, hands
 * events to listeners, and settles everything, with the first cause, when it ends.
 */
export class Session {
	readonly listeners = new Listeners();
	readonly commands: CommandTable<JsonValue>;
	readonly #stream: Duplex;
	readonly #options: SessionOptions;
	readonly #framer: JsonFramer;
	readonly #greeted = Promise.withResolvers<QmpGreeting>();
	readonly #closed = Promise.withResolvers<QmpError | undefined>();
	readonly #streamClosed = Promise.withResolvers<void>();
	/** Events from before somebody could listen. */
	early: QmpEvent[] | undefined = [];
	#outbox = '';
	#flushScheduled = false;
	/** Commands sent only to see where the stream stands; value: what was unreadable before. */
	readonly #probes = new Map<string, string[]>();
	/** Runs while something is odd that time may explain: a reply to nobody, half a message. */
	#suspicion: NodeJS.Timeout | undefined;
	#suspected = '';
	#sweeper: NodeJS.Timeout | undefined;
	#brokenInARow = 0;
	/** The last piece that could not be read. */
	unreadable: string | undefined;
	#ending = false;
	#end: { readonly error: QmpError | undefined } | undefined;

	constructor(stream: Duplex, options: SessionOptions) {
		this.#stream = stream;
		this.#options = options;
		this.commands = new CommandTable(options.maxInFlight);
		this.#framer = new JsonFramer(options.maxReplyBytes === undefined ? {} : { maxBytes: options.maxReplyBytes });
		this.#greeted.promise.catch(() => undefined);
		stream.on('data', (chunk: Buffer) => this.#receive(chunk));
		stream.on('end', () => this.#lostPeer('the peer closed the connection'));
		stream.on('error', (error: Error) => this.#lostPeer(`the connection failed: ${error.message}`, error));
		stream.on('close', () => {
			this.#streamClosed.resolve();
			this.#lostPeer('the connection was closed');
		});
		if (stream.destroyed || stream.readableEnded) {
			queueMicrotask(() => this.#lostPeer('the connection was closed before it was used'));
		}
	}

	/** The greeting, as soon as it comes; rejects with the cause when the connection ends first. */
	get greeted(): Promise<QmpGreeting> {
		return this.#greeted.promise;
	}

	/** Resolves once, when the connection has ended: with the cause, or with nothing when this side closed it. */
	get closed(): Promise<QmpError | undefined> {
		return this.#closed.promise;
	}

	/** The error for those who come too late. */
	endError(): QmpError {
		return this.#end?.error ?? new QmpError('QMP_DISCONNECTED', `${this.#options.peer}: closed by this client`);
	}

	/**
	 * Puts a command under the connection's own deadline. One timer serves all: a timer for each command would cost more than
	 * the rest of sending it.
	 */
	expire(command: Command<JsonValue>): void {
		const { commandTimeoutMs } = this.#options;
		if (commandTimeoutMs >= 2 ** 31) return;
		command.expiresAtMs = performance.now() + commandTimeoutMs;
		if (this.#sweeper === undefined && !this.#ending) this.#sweepIn(commandTimeoutMs);
	}

	#sweepIn(delayMs: number): void {
		this.#sweeper = setTimeout(() => {
			this.#sweeper = undefined;
			const now = performance.now();
			let next = Number.POSITIVE_INFINITY;
			for (const command of [...this.commands.awaited()]) {
				if (command.expiresAtMs === undefined) continue;
				if (command.expiresAtMs > now) next = Math.min(next, command.expiresAtMs);
				else {
					const { settle } = command;
					this.commands.abandon(command);
					settle?.({ kind: 'timeout' });
				}
			}
			if (next !== Number.POSITIVE_INFINITY) this.#sweepIn(Math.max(1, Math.ceil(next - now)));
		}, delayMs);
		// The open connection keeps the process alive; a timer that outlasts the commands should not.
		this.#sweeper.unref();
	}

	/** Hands a command over. Its `settle` is called once, unless it is abandoned. */
	submit(command: Command<JsonValue>): void {
		if (this.#ending) {
			void this.closed.then(() => command.settle?.({ kind: 'disconnected' }));
			return;
		}
		if (this.commands.add(command)) this.#send(command.text);
	}

	/** Ends the connection from this side. Bounded: QEMU gets a moment to answer what it still holds. */
	async close(graceMs: number): Promise<void> {
		if (!this.#ending) {
			this.#ending = true;
			this.#flush();
			const owesReply = this.commands.inFlight > 0;
			this.#finish(undefined);
			// Half-closed, QEMU still writes the reply that it is working on, and the next client is not met by it.
			if (owesReply) this.#stream.end();
			else this.#stream.destroy();
		}
		await within('the end of the connection', this.#streamClosed.promise, { timeoutMs: graceMs }).catch(
			() => undefined,
		);
		this.#stream.destroy();
		await this.closed;
	}

	/** Gives up on the peer. */
	async fail(error: QmpError): Promise<void> {
		if (!this.#ending) {
			this.#ending = true;
			this.#finish(error);
		}
		this.#stream.destroy();
		await this.closed;
	}

	#record(direction: QmpDirection, text: string): void {
		this.#options.record?.({ direction, text, atMs: performance.timeOrigin + performance.now() });
	}

	#send(text: string): void {
		this.#record('sent', text);
		this.#outbox += text;
		if (this.#flushScheduled) return;
		// All that one turn of the event loop sends goes in one write.
		this.#flushScheduled = true;
		queueMicrotask(this.#flush);
	}

	readonly #flush = (): void => {
		this.#flushScheduled = false;
		if (this.#outbox === '') return;
		const text = this.#outbox;
		this.#outbox = '';
		if (this.#stream.writable) this.#stream.write(text, 'utf8');
	};

	#receive(chunk: Buffer): void {
		for (const { text, broken } of this.#framer.push(chunk)) {
			if (this.#ending) return;
			this.#record('received', text);
			if (broken === undefined) this.#receiveMessage(text);
			else this.#receiveBroken(broken, text);
		}
		for (const { text } of this.commands.takeSendable()) this.#send(text);
		if (this.#framer.partial) this.#suspect('a message that does not end');
	}

	#receiveMessage(text: string): void {
		const message = readMessage(text);
		switch (message.kind) {
			case 'event':
				this.#brokenInARow = 0;
				if (this.early !== undefined && this.early.length < 10_000) this.early.push(message.event);
				this.listeners.deliver(message.event);
				break;
			case 'return':
				this.#brokenInARow = 0;
				this.#settle(message.id, message);
				break;
			case 'error':
				this.#brokenInARow = 0;
				if (message.id === undefined) this.#receiveErrorWithoutId(`${message.class}: ${message.desc}`);
				else this.#settle(message.id, message);
				break;
			case 'greeting':
				this.#brokenInARow = 0;
				this.#greeted.resolve(message.greeting);
				break;
			case 'broken':
				if (typeof message.id === 'string' && this.commands.isInFlight(message.id) && !this.#probes.has(message.id)) {
					this.#settle(message.id, { kind: 'lost', reasons: [`${message.reason}: ${excerpt(text)}`] });
				} else this.#receiveBroken(message.reason, text);
		}
	}

	#settle(id: JsonValue | undefined, outcome: Settled): void {
		const command = typeof id === 'string' ? this.commands.take(id) : undefined;
		if (command === undefined || typeof id !== 'string') {
			// Belongs to a client before us: QEMU answers its last command to whoever is connected. Or it is ours, damaged.
			this.#suspect(`a reply to nobody (id ${id === undefined ? 'missing' : stringifyJson(id)})`);
			return;
		}
		const reasons = this.#probes.get(id);
		if (reasons !== undefined) {
			// QEMU answers in order: what was sent before the probe and has no reply by now will never have one.
			for (const [probe] of this.#probes) {
				this.#probes.delete(probe);
				if (probe === id) break;
			}
			const lost = this.commands.takeBefore(command.sequence);
			for (const { settle } of lost) settle?.({ kind: 'lost', reasons });
		} else command.settle?.(outcome);
	}

	/** QEMU gives no id to what its parser refuses. One bad input may make many such errors, so counting proves nothing. */
	#receiveErrorWithoutId(reason: string): void {
		const reasons = [...this.#probes.values()].at(-1);
		if (reasons === undefined) this.#probe(reason);
		else if (reasons.length < 20) reasons.push(reason);
	}

	#receiveBroken(reason: string, text: string): void {
		const evidence = `${reason}: ${excerpt(text)}`;
		this.unreadable = excerpt(text);
		if (/^QEMU .* monitor\b/.test(text)) {
			const message = `${this.#options.peer} is a monitor for people (HMP), not QMP: start QEMU with -qmp or -mon mode=control`;
			void this.fail(new QmpError('QMP_PROTOCOL', message, { evidence: [excerpt(text)] }));
		} else if (++this.#brokenInARow >= maxBrokenInARow) {
			const message = `${this.#options.peer} does not speak QMP: ${maxBrokenInARow} pieces in a row cannot be read, the last for ${reason}`;
			void this.fail(new QmpError('QMP_PROTOCOL', message, { evidence: [excerpt(text)] }));
		} else this.#probe(evidence);
	}

	/** Probes if commands still wait in a while. */
	#suspect(reason: string): void {
		if (this.#ending || this.commands.inFlight === 0) return;
		this.#suspected = reason;
		if (this.#suspicion !== undefined) {
			this.#suspicion.refresh();
			return;
		}
		this.#suspicion = setTimeout(() => {
			this.#suspicion = undefined;
			if (!this.#ending) this.#probe(this.#suspected);
		}, this.#options.probeAfterMs).unref();
	}

	/** Finds out which commands have lost their reply, by one more that must be answered after them. */
	#probe(reason: string): void {
		if (this.commands.inFlight === 0) return;
		const id = this.commands.makeId();
		const text = `{"execute":"query-version","id":"${id}"}\n`;
		this.#probes.set(id, [...([...this.#probes.values()].at(-1) ?? []), reason]);
		// Beyond the limit, if need be: at least one place of those in flight is free in truth.
		this.commands.launch({ name: 'query-version', id, sequence: 0, outOfBand: false, text, settle: undefined });
		this.#flush();
		if (this.#stream.writable) this.#stream.write(resynchronise);
		this.#record('sent', '\u00ff');
		this.#send(text);
	}

	#lostPeer(what: string, cause?: Error): void {
		if (this.#ending) return;
		this.#ending = true;
		const rest = this.#framer.end();
		if (rest !== undefined) {
			this.#options.record?.({
				direction: 'received',
				text: rest.text,
				atMs: performance.timeOrigin + performance.now(),
			});
		}
		this.#stream.destroy();
		const within = rest === undefined ? '' : ' in the middle of a message';
		void this.#askForDeath().then(death => {
			const how = death === undefined ? '' : `: ${describePeerDeath(death)}`;
			const message = `${this.#options.peer}: ${what}${within}${how}`;
			const evidence = death?.stderr ?? (rest === undefined ? [] : [excerpt(rest.text)]);
			this.#finish(new QmpError('QMP_DISCONNECTED', message, { death, cause, evidence }));
		});
	}

	async #askForDeath(): Promise<PeerDeath | undefined> {
		if (this.#options.describeDeath === undefined) return undefined;
		try {
			const told = this.#options.describeDeath();
			return await within('how QEMU ended', told, { timeoutMs: this.#options.deathTimeoutMs });
		} catch {
			return undefined;
		}
	}

	#finish(error: QmpError | undefined): void {
		clearTimeout(this.#suspicion);
		clearTimeout(this.#sweeper);
		this.#end = { error };
		this.#closed.resolve(error);
		this.#greeted.reject(this.endError());
		for (const { settle } of this.commands.drain()) settle?.({ kind: 'disconnected' });
		this.listeners.end(this.#end);
	}
}

function excerpt(text: string): string {
	return text.length <= 200 ? text.trim() : `${text.slice(0, 200)}…`;
}
