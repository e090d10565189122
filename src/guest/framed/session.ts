import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../lib/errors.ts';
import { DeadlineError, formatDuration, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { contention, FairClock, Silence } from '../../lib/waiting/fair-clock.ts';
import type { SerialConsole } from '../console.ts';
import { GuestError } from '../errors.ts';
import type { Trouble } from '../trouble.ts';
import { decodeFrame, encodeFrame, FrameDemultiplexer, flag, headLength, kind, version } from './frames.ts';
import { HostLink } from './link.ts';
import { type Message, MessageReader } from './messages.ts';

export interface SessionOptions {
	readonly console: SerialConsole;
	/** Carries the frames instead of the console. The session owns it. */
	readonly port?: Duplex | undefined;
	readonly onMessage: (message: Message) => void;
	/** Called once, with the error that ended the session. */
	readonly onEnd: (error: GuestError) => void;
	/** Whether anything is being waited for. The watchdog is off while nothing is. */
	readonly isBusy: () => boolean;
	/** A silent guest is pinged. It counts as hung if it stays silent for this long (times the speed factor). */
	readonly silenceMs: number;
}

/** What the agent prints when it starts. Any program can print it, so it only makes us send HELLO sooner. */
const hint = 'vpmu-agent: ready';
const helloEveryMs = 250;
const pollAfterMs = 1000;
const watchEveryMs = 250;
/** How long a guest that printed a sign of panic or reboot has to prove that it is well. */
const proofMs = 6000;
/** Answers that were on their way when such a line arrived prove nothing. Later than this, an answer was sent after it. */
const onItsWayMs = 300;

/**
 * A session with the agent. It sends HELLO until the agent answers, carries messages, and detects that the guest died,
 * rebooted or hangs. A console line that reports death is not believed while the agent answers.
 */
export class AgentSession implements AsyncDisposable {
	readonly #options: SessionOptions;
	readonly #key = randomBytes(8);
	readonly #demultiplexer = new FrameDemultiplexer(line => this.#onLine(line));
	readonly #link: HostLink;
	readonly #stack = new DisposableStack();
	readonly #greeted = Promise.withResolvers<void>();
	#boot: string | undefined;
	#bootedAt = 0;
	#ended: GuestError | undefined;
	#disposed = false;
	#hintTail = '';
	#suspended = 0;
	/** Since when the guest has owed an answer. */
	#watchedSince = performance.now();
	/** How long the agent, and how long the whole guest, has been silent. */
	readonly #quiet: Silence;
	readonly #silent: Silence;

	constructor(options: SessionOptions) {
		const { console, port } = options;
		this.#options = options;
		const clock = new FairClock({ longestStepMs: 2 * watchEveryMs });
		this.#quiet = new Silence(clock);
		this.#silent = new Silence(clock);
		const reader = new MessageReader(options.onMessage);
		this.#link = this.#stack.use(
			new HostLink({
				key: this.#key,
				send: text => this.#send(text),
				onBytes: bytes => this.#read(reader, bytes),
				speedFactor: console.speedFactor,
			}),
		);
		this.#greeted.promise.catch(() => undefined);
		if (port === undefined) {
			this.#stack.use(
				console.attach(
					bytes => this.#onConsoleBytes(bytes),
					trouble => this.#isReal(trouble),
				),
			);
		} else {
			port.on('data', (bytes: Buffer) => this.#onConsoleBytes(bytes));
			port.on('error', () => undefined);
			port.on('close', () => this.#end(console.closedError('continue with the agent on its port')));
		}
		this.#stack.use(
			console.onTrouble(trouble => {
				if (trouble.fatal) this.#end(console.troubleError(trouble));
			}),
		);
		console.closed.then(() => this.#end(console.fatalError() ?? console.closedError('go on with the agent')));
		const watchdog = setInterval(() => this.#watch(), watchEveryMs);
		this.#stack.defer(() => clearInterval(watchdog));
	}

	/** Damaged frames, pieces sent again, and gaps that the guest was asked to fill. */
	get statistics(): { readonly damaged: number; readonly resent: number; readonly asked: number } {
		return { damaged: this.#demultiplexer.damaged, resent: this.#link.resent, asked: this.#link.asked };
	}

	/** The error that ended the session, if it has ended. */
	get ended(): GuestError | undefined {
		return this.#ended;
	}

	/** Resolves when the agent has answered; rejects with the error if the session ends before. */
	get greeted(): Promise<void> {
		return this.#greeted.promise;
	}

	get isGreeted(): boolean {
		return this.#boot !== undefined;
	}

	/**
	 * Sends HELLO until the agent answers. With `patient`, starts only after the agent's hint is seen (or was seen already), so
	 * that a shell on the console does not receive frames.
	 * @throws GuestError; DeadlineError; the signal's reason
	 */
	async greet(options: WaitOptions & { readonly patient?: boolean }): Promise<void> {
		const { signal, timeoutMs, patient = false } = options;
		signal?.throwIfAborted();
		using stack = new DisposableStack();
		const { promise, reject } = Promise.withResolvers<never>();
		if (!patient) {
			const timer = setInterval(() => this.#sayHello(), helloEveryMs);
			stack.defer(() => clearInterval(timer));
			this.#sayHello();
		}
		if (timeoutMs !== undefined) {
			const timer = setTimeout(() => reject(new DeadlineError("the guest's agent", timeoutMs)), timeoutMs);
			stack.defer(() => clearTimeout(timer));
		}
		const onAbort = () => reject(signal?.reason);
		signal?.addEventListener('abort', onAbort, { once: true });
		stack.defer(() => signal?.removeEventListener('abort', onAbort));
		await Promise.race([this.#greeted.promise, promise]);
		this.#options.console.markBooted();
	}

	/** Puts messages into the stream. @throws GuestError when the session has ended */
	write(...messages: readonly Buffer[]): void {
		if (this.#ended !== undefined) throw this.#ended;
		this.#link.write(...messages);
	}

	/** While held, silence is not a hang: the guest is paused on purpose. */
	suspendWatchdog(): Disposable {
		this.#suspended += 1;
		return {
			[Symbol.dispose]: () => {
				this.#suspended -= 1;
				this.#watchedSince = performance.now();
			},
		};
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#disposed) return;
		if (this.#ended === undefined && this.isGreeted) this.#send(encodeFrame('H', Buffer.of(kind.bye), this.#key));
		this.#disposed = true;
		this.#end(new GuestError('console-closed', "the session with the guest's agent was ended", {}));
		this.#stack.dispose();
		this.#options.port?.end();
	}

	#sayHello(): void {
		this.#send(encodeFrame('H', Buffer.concat([Buffer.of(kind.hello, version), this.#key, this.#link.opening()])));
	}

	#send(text: string): void {
		if (this.#disposed || this.#ended !== undefined) return;
		const { port, console } = this.#options;
		if (port !== undefined) port.write(text);
		else if (!console.isClosed) console.write(text).catch(() => undefined);
	}

	#end(error: GuestError): void {
		if (this.#ended !== undefined) return;
		this.#ended = error;
		this.#stack.dispose();
		this.#greeted.reject(error);
		this.#options.onEnd(error);
	}

	#onConsoleBytes(bytes: Buffer): Buffer {
		const text = this.#demultiplexer.push(bytes);
		if (text.length > 0) this.#lookForHint(text);
		return text;
	}

	#lookForHint(text: Buffer): void {
		const all = this.#hintTail + text.toString('latin1');
		this.#hintTail = all.slice(1 - hint.length);
		// Use the same key: the old agent knows it and answers with the known boot; a new agent answers with a new boot.
		if (all.includes(hint)) this.#sayHello();
	}

	#onLine(line: string): boolean {
		const body = decodeFrame('G', line, this.#key);
		if (body === undefined) return false;
		const { reply, data } = splitReply(body);
		const isOurBoot = reply === undefined || this.#boot === undefined || bootOf(reply) === this.#boot;
		if (isOurBoot) this.#link.lastFrameAt = performance.now();
		if (reply !== undefined) this.#onReply(reply);
		if (data !== undefined) this.#link.input(data);
		return true;
	}

	#read(reader: MessageReader, bytes: Buffer): void {
		try {
			reader.push(bytes);
		} catch (cause) {
			const message = `the guest's agent sent something that is not a message: ${messageOf(cause)}`;
			this.#end(new GuestError('protocol', message, { evidence: this.#options.console.lastLines(), cause }));
		}
	}

	/** Handles the answer to HELLO: version, boot, and how long the agent has been running. */
	#onReply(reply: Buffer): void {
		if (reply[0] !== version) {
			this.#end(
				new GuestError('protocol', `the guest's agent speaks version ${reply[0]} of the protocol, not ${version}`),
			);
			return;
		}
		const now = performance.now();
		const boot = bootOf(reply);
		const upMs = reply.readUInt32LE(5);
		if (this.#boot === undefined) {
			this.#boot = boot;
			this.#bootedAt = now - upMs;
			this.#link.open();
			this.#greeted.resolve();
		} else if (boot !== this.#boot) {
			const line = `its agent restarted, ${formatDuration(upMs)} ago`;
			this.#options.console.report({ kind: 'reboot', line, atMs: now, fatal: true });
		}
	}

	/** Since when the guest's agent has been running, on the clock of `performance.now()`. */
	get agentStartedAt(): number {
		return this.#bootedAt;
	}

	/** Whether a line that says that the guest died is true. It is false if the agent of this boot still answers. */
	async #isReal(trouble: Trouble): Promise<boolean> {
		if (!this.isGreeted) return true;
		const until = trouble.atMs + proofMs * Math.max(1, this.#options.console.speedFactor) * contention();
		// Only this agent knows the key: a kernel that panicked or rebooted cannot answer.
		while (performance.now() < until && !this.#options.console.isClosed && this.#ended === undefined) {
			this.#sayHello();
			await delay(200);
			if (this.#link.lastFrameAt > trouble.atMs + onItsWayMs) return false;
		}
		return true;
	}

	#watch(): void {
		const { console, isBusy, silenceMs } = this.#options;
		if (!this.isGreeted || this.#suspended > 0) return;
		const now = performance.now();
		if (!isBusy()) this.#watchedSince = now;
		const answeredAt = Math.max(this.#watchedSince, this.#link.lastFrameAt);
		const quietMs = this.#quiet.lengthMs(answeredAt);
		const silentMs = this.#silent.lengthMs(Math.max(console.lastOutputAt, answeredAt));
		if (!isBusy() || quietMs < pollAfterMs) return;
		this.#link.poll();
		const limitMs = silenceMs * console.speedFactor;
		if (silentMs > limitMs || quietMs > 3 * limitMs) {
			const line =
				silentMs > limitMs
					? `no output for ${formatDuration(silentMs)}, and its agent does not answer`
					: `its agent has not answered for ${formatDuration(quietMs)}`;
			console.report({ kind: 'hang', line, atMs: now, fatal: true });
		}
	}
}

const replyLength = 9;

function bootOf(reply: Buffer): string {
	return reply.toString('hex', 1, 5);
}

/** Splits a frame into the answer to HELLO and the data frame without it. */
function splitReply(body: Buffer): { readonly reply?: Buffer; readonly data?: Buffer } {
	const first = body[0]!;
	if (first === kind.reply) return body.length === 1 + replyLength ? { reply: body.subarray(1) } : {};
	if ((first & 15) !== kind.data) return {};
	if ((first & flag.replies) === 0) return { data: body };
	const at = (first & flag.hole) === 0 ? headLength : headLength + 2;
	if (body.length < at + replyLength) return {};
	const data = Buffer.concat([body.subarray(0, at), body.subarray(at + replyLength)]);
	return { reply: body.subarray(at, at + replyLength), data };
}
