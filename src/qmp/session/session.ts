import { messageOf } from '../../lib/errors.ts';
import { type JsonValue, stringifyJson } from '../../lib/text/json.ts';
import { within } from '../../lib/waiting/deadline.ts';
import { describePeerDeath, type PeerDeath, QmpError } from '../errors.ts';
import { Listeners } from '../listeners.ts';
import { JsonFramer } from '../wire/framing.ts';
import { type QmpEvent, type QmpGreeting, readMessage } from '../wire/messages.ts';
import type { Wire } from '../wire/open.ts';
import type { QmpDirection, QmpRecorder } from '../wire/recording.ts';
import { type Command, type CommandOutcome, CommandTable } from './commands.ts';
import { Deadlines } from './deadlines.ts';
import { Outbox } from './outbox.ts';
import { Resynchroniser } from './resynchroniser.ts';

export interface SessionOptions {
	readonly peer: string;
	readonly record: QmpRecorder | undefined;
	readonly describeDeath: (() => Promise<PeerDeath | undefined>) | undefined;
	readonly deathTimeoutMs: number;
	readonly maxInFlight: number;
	readonly maxReplyBytes: number | undefined;
	readonly probeAfterMs: number;
	/** Default deadline of a command. */
	readonly commandTimeoutMs: number;
}

/** This many unreadable pieces in a row end a connection. */
const maxBrokenInARow = 16;

/** Maximum number of events kept from before the client was returned. */
const maxEarly = 10_000;
const maxEarlyCharacters = 16 * 1024 * 1024;

/**
 * One connection from its first byte to its last. Splits and parses the input, matches replies to commands by id, and passes
 * events to listeners. When the connection ends, settles everything with the first cause.
 */
export class Session {
	readonly listeners = new Listeners();
	readonly commands: CommandTable<JsonValue>;
	readonly deadlines: Deadlines<JsonValue>;
	readonly #wire: Wire;
	readonly #options: SessionOptions;
	readonly #framer: JsonFramer;
	readonly #outbox: Outbox;
	readonly #resynchroniser: Resynchroniser<JsonValue>;
	readonly #greeted = Promise.withResolvers<QmpGreeting>();
	readonly #closed = Promise.withResolvers<QmpError | undefined>();
	readonly #streamClosed = Promise.withResolvers<void>();
	/** Events from before the client was returned; `undefined` afterwards. */
	early: QmpEvent[] | undefined = [];
	#earlyCharacters = 0;
	#isGreeted = false;
	#brokenInARow = 0;
	/** The last unreadable piece. */
	unreadable: string | undefined;
	/** Set once nothing is received or sent any more. */
	#ending = false;
	#end: { readonly error: QmpError | undefined } | undefined;

	constructor(wire: Wire, options: SessionOptions) {
		const { stream } = wire;
		this.#wire = wire;
		this.#options = options;
		this.commands = new CommandTable(options.maxInFlight);
		this.deadlines = new Deadlines(this.commands, options.commandTimeoutMs);
		this.#outbox = new Outbox(stream, (direction, text) => this.#record(direction, text));
		this.#resynchroniser = new Resynchroniser(this.commands, this.#outbox, options.probeAfterMs);
		this.#framer = new JsonFramer(options.maxReplyBytes === undefined ? {} : { maxBytes: options.maxReplyBytes });
		this.#greeted.promise.catch(() => undefined);
		wire.onBytes(chunk => this.#receive(chunk));
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

	/** Resolves with the greeting; rejects with the cause if the connection ends first. */
	get greeted(): Promise<QmpGreeting> {
		return this.#greeted.promise;
	}

	/** Resolves when the connection has ended: with the cause, or with nothing if this side closed it. */
	get closed(): Promise<QmpError | undefined> {
		return this.#closed.promise;
	}

	/** Returns the error for calls after the end of the connection. */
	endError(): QmpError {
		return this.#end?.error ?? new QmpError('QMP_DISCONNECTED', `${this.#options.peer}: closed by this client`);
	}

	/** Sends or queues a command. Its `settle` is called once, unless the command is abandoned. */
	submit(command: Command<JsonValue>): void {
		if (this.#ending) {
			void this.closed.then(() => command.settle?.({ kind: 'disconnected' }));
			return;
		}
		if (this.commands.add(command)) this.#outbox.send(command.text);
	}

	/** Closes the connection. QEMU gets up to `graceMs` to answer pending commands. */
	async close(graceMs: number): Promise<void> {
		const { stream } = this.#wire;
		if (!this.#ending) {
			this.#ending = true;
			this.#outbox.flush();
			const owesReply = this.commands.inFlight > 0;
			this.#finish(undefined);
			// After a half-close, QEMU still writes the reply in progress, so the next client does not receive it.
			if (owesReply) stream.end();
			else stream.destroy();
		}
		await within('the end of the connection', this.#streamClosed.promise, { timeoutMs: graceMs }).catch(
			() => undefined,
		);
		stream.destroy();
		await this.closed;
	}

	#record(direction: QmpDirection, text: string): void {
		const { record, peer } = this.#options;
		try {
			record?.({ direction, text, atMs: performance.timeOrigin + performance.now() });
		} catch (cause) {
			if (this.#ending) return;
			const message = `${peer}: what is ${direction} cannot be recorded: ${messageOf(cause)}`;
			this.#fail(new QmpError('QMP_DISCONNECTED', message, { cause }));
		}
	}

	#receive(chunk: Buffer): void {
		for (const { text, broken } of this.#framer.push(chunk)) {
			if (this.#ending) return;
			this.#record('received', text);
			if (broken === undefined) this.#receiveMessage(text);
			else this.#receiveBroken(broken, text);
		}
		for (const { text } of this.commands.takeSendable()) this.#outbox.send(text);
		if (this.#framer.partial) this.#resynchroniser.doubt('a message that does not end');
	}

	#receiveMessage(text: string): void {
		const message = readMessage(text);
		if (message.kind !== 'broken') this.#brokenInARow = 0;
		switch (message.kind) {
			case 'return':
				this.#settle(message.id, message);
				break;
			case 'error':
				if (message.id === undefined) this.#resynchroniser.errorWithoutId(`${message.class}: ${message.desc}`);
				else this.#settle(message.id, message);
				break;
			case 'event':
				this.#earlyCharacters += text.length;
				if (this.early !== undefined && this.early.length < maxEarly && this.#earlyCharacters < maxEarlyCharacters)
					this.early.push(message.event);
				this.listeners.deliver(message.event, text.length);
				break;
			case 'greeting':
				this.#isGreeted = true;
				this.#greeted.resolve(message.greeting);
				break;
			case 'broken':
				if (this.#isAwaited(message.id)) {
					this.#settle(message.id, { kind: 'lost', reasons: [`${message.reason}: ${excerpt(text)}`] });
				} else if (message.isJson && !this.#isGreeted) {
					// The rest of a long reply to an earlier client: QEMU writes it to the next client. It arrives as single objects,
					// with the commas between them as separate pieces.
					this.#brokenInARow = 0;
					this.unreadable = excerpt(text);
				} else this.#receiveBroken(message.reason, text);
		}
	}

	/** Whether an id, recovered from text that is not quite JSON, belongs to one of our commands. */
	#isAwaited(id: JsonValue | undefined): boolean {
		return typeof id === 'string' && this.commands.isInFlight(id) && !this.#resynchroniser.isProbe(id);
	}

	#settle(id: JsonValue | undefined, outcome: CommandOutcome<JsonValue>): void {
		const command = typeof id === 'string' ? this.commands.take(id) : undefined;
		if (command === undefined) {
			// This reply belongs to an earlier client (QEMU sends the answer to its last command to the next client), or is ours
			// and damaged.
			this.#resynchroniser.doubt(`a reply to nobody (id ${id === undefined ? 'missing' : stringifyJson(id)})`);
		} else if (this.#resynchroniser.isProbe(command.id)) {
			this.#resynchroniser.answered(command.id, command.sequence);
		} else command.settle?.(outcome);
	}

	#receiveBroken(reason: string, text: string): void {
		const { peer } = this.#options;
		this.unreadable = excerpt(text);
		if (/^QEMU .* monitor\b/.test(text)) {
			this.#failProtocol(`${peer} is a monitor for people (HMP), not QMP: start QEMU with -qmp or -mon mode=control`);
		} else if (++this.#brokenInARow >= maxBrokenInARow) {
			this.#failProtocol(
				`${peer} does not speak QMP: ${maxBrokenInARow} pieces in a row cannot be read, the last for ${reason}`,
			);
		} else this.#resynchroniser.ask(`${reason}: ${excerpt(text)}`);
	}

	#failProtocol(message: string): void {
		this.#fail(new QmpError('QMP_PROTOCOL', message, { evidence: [this.unreadable ?? ''] }));
	}

	/** Ends the connection with an error of this side. */
	#fail(error: QmpError): void {
		this.#ending = true;
		this.#finish(error);
		this.#wire.stream.destroy();
	}

	#lostPeer(what: string, cause?: Error): void {
		if (this.#ending) return;
		this.#ending = true;
		const rest = this.#framer.end();
		if (rest !== undefined) this.#record('received', rest.text);
		this.#wire.stream.destroy();
		const where = rest === undefined ? '' : ' in the middle of a message';
		void this.#askForDeath().then(death => {
			const how = death === undefined ? '' : `: ${describePeerDeath(death)}`;
			const message = `${this.#options.peer}: ${what}${where}${how}`;
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
		this.#resynchroniser.close();
		this.deadlines.close();
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
