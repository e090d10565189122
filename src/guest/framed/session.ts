import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, formatDuration, type WaitOptions } from '../../lib/deadline.ts';
import { messageOf } from '../../lib/errors.ts';
import { contention, FairClock, Silence } from '../../lib/fair-clock.ts';
import type { SerialConsole } from '../console.ts';
import { GuestError } from '../errors.ts';
import type { Trouble } from '../trouble.ts';
import { decodeFrame, encodeFrame, FrameDemultiplexer, flag, headLength, kind, version } from './frames.ts';
import { HostLink } from './link.ts';
import { type Message, MessageReader } from './messages.ts';

export interface SessionOptions {
	readonly console: SerialConsole;
	/** Carries the frames instead of the console. Owned by the session. */
	readonly port?: Duplex | undefined;
	readonly onMessage: (message: Message) => void;
	/** Called once, with what ended the session. */
	readonly onEnd: (error: GuestError) => void;
	/** Whether something is being waited for: the watchdog sleeps while nothing is. */
	readonly isBusy: () => boolean;
	/** A silent guest is asked; one that stays silent for so long (times the speed factor) hangs. */
	readonly silenceMs: number;
}

/** What the agent prints when it starts. Anybody can print it, so it only makes us say hello sooner. */
const hint = 'vpmu-agent: ready';
const helloEveryMs = 250;
const pollAfterMs = 1000;
const watchEveryMs = 250;
/** How long a guest that has shown a sign of panic or reboot may take to prove that it is well. */
const proofMs = 6000;
/** What was on its way when such a line came proves nothing; after so long it was sent later. */
const onItsWayMs = 300;

/**
 * A session with the agent: says hello until it answers, carries messages, and finds out when the guest has died,
 * rebooted or hangs. A line on the console that says so is doubted as long as the agent answers.
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
	/** Since when the guest owes an answer at all. */
	#watchedSince = performance.now();
	/** How long the agent, and how long the whole guest, has shown no sign of life. */
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
			port.on('close', () => this.#end(console.closedError('go on with the agent on its port')));
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

	/** Frames that were spoilt, pieces sent again, gaps that the guest was asked to fill. */
	get statistics(): { readonly damaged: number; readonly resent: number; readonly asked: number } {
		return { damaged: this.#demultiplexer.damaged, resent: this.#link.resent, asked: this.#link.asked };
	}

	/** What ended the session, if anything has. */
	get ended(): GuestError | undefined {
		return this.#ended;
	}

	/** Resolves when the agent has answered; rejects with what ended the session before. */
	get greeted(): Promise<void> {
		return this.#greeted.promise;
	}

	get isGreeted(): boolean {
		return this.#boot !== undefined;
	}

	/**
	 * Says hello until the agent answers. `patient`: only when the agent's hint is seen (or it is there already), so that
	 * a shell that may sit there instead is not talked to.
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

	/** While held, silence is not a hang: the guest is stopped on purpose. */
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
		// With the same key: an agent that knows it answers with the boot that we know; a new one with a new boot.
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
			const message = `the guest's agent sent what is no message: ${messageOf(cause)}`;
			this.#end(new GuestError('protocol', message, { evidence: this.#options.console.lastLines(), cause }));
		}
	}

	/** Takes what answers a hello: version, boot and for how long the agent has run. */
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
			const line = `its agent started anew, ${formatDuration(upMs)} ago`;
			this.#options.console.report({ kind: 'reboot', line, atMs: now, fatal: true });
		}
	}

	/** Since when the guest's agent runs, on the clock of `performance.now()`. */
	get agentStartedAt(): number {
		return this.#bootedAt;
	}

	/** Whether a line that says that the guest died is true: it is not while the agent of this very boot answers. */
	async #isReal(trouble: Trouble): Promise<boolean> {
		if (!this.isGreeted) return true;
		const until = trouble.atMs + proofMs * Math.max(1, this.#options.console.speedFactor) * contention();
		// Nobody else knows the key: neither a kernel that panicked nor one that was booted anew.
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

/** What of a frame answers a hello, and the frame of data without it. */
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
