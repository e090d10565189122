import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../../lib/errors.ts';
import { DeadlineError, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { SerialConsole } from '../console.ts';
import { GuestError } from '../errors.ts';
import type { GuestFile, GuestResult, GuestRunOptions, GuestShell } from '../shell.ts';
import { Job, type JobParts } from './job.ts';
import {
	channels,
	type Done,
	decodeNumber,
	encodeMessage,
	encodeRun,
	longestMessage,
	type Message,
	readDone,
} from './messages.ts';
import { AgentSession } from './session.ts';

export interface FramedShellOptions {
	/** A second port of the guest, for speed. The console is still watched. The shell owns the port. */
	readonly port?: Duplex | undefined;
	/**
	 * A guest counts as hung if it is silent for this long (times the console's speed factor) while something runs. Default 20000.
	 */
	readonly silenceMs?: number | undefined;
}

/** How many jobs the agent serves at once; further ones wait. */
const mostCommands = 30;
/** Default limits for a command's output and a file's length. */
const outputBytes = 16 * 1024 * 1024;
const fileBytes = 64 * 1024 * 1024;
/** How long to wait for a killed command to exit before its caller is told anyway. */
const killMs = 2000;

/** Runs commands through our agent in the guest, over the console or a second port. */
export class FramedShell implements GuestShell {
	readonly guarantees = 'framed';
	readonly console: SerialConsole;
	/** Whether the agent is reached over a second port instead of the console. */
	readonly isOnPort: boolean;
	readonly #session: AgentSession;
	readonly #jobs = new Map<number, Job>();
	/**
	 * Channels of jobs whose end the guest has not reported, even if nobody waits for them, so that late output does not go
	 * to another job.
	 */
	readonly #untold = new Set<number>();
	readonly #waiting: (() => void)[] = [];
	#busy = 0;
	#lastChannel = 0;

	constructor(console: SerialConsole, options: FramedShellOptions = {}) {
		this.console = console;
		this.isOnPort = options.port !== undefined;
		this.#session = new AgentSession({
			console,
			port: options.port,
			silenceMs: options.silenceMs ?? 20_000,
			isBusy: () => this.#jobs.size > 0,
			onMessage: message => this.#onMessage(message),
			onEnd: error => {
				for (const job of this.#jobs.values()) job.ended.reject(error);
			},
		});
	}

	/** Waits until the agent answers. See {@link AgentSession.greet}. */
	async greet(options: WaitOptions & { readonly patient?: boolean }): Promise<void> {
		await this.#session.greet(options);
	}

	/** How bad the line is: damaged frames, pieces sent again, and gaps that the guest was asked to fill. */
	get statistics(): { readonly damaged: number; readonly resent: number; readonly asked: number } {
		return this.#session.statistics;
	}

	/** While held, a silent guest is not a hang: it is paused on purpose. */
	suspendWatchdog(): Disposable {
		return this.#session.suspendWatchdog();
	}

	async run(command: readonly string[] | string, options: GuestRunOptions = {}): Promise<GuestResult> {
		const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
		if (argv.length === 0) throw new UsageError('a command in the guest needs at least a program name');
		const nul = [...argv, ...Object.entries(options.env ?? {}).flat(), options.cwd ?? ''].find(word =>
			word.includes('\0'),
		);
		if (nul !== undefined) throw new UsageError(`the words of a command cannot contain NUL: ${JSON.stringify(nul)}`);
		const hasStdin = options.stdin !== undefined;
		const body = encodeRun(argv, { cwd: options.cwd ?? '', env: options.env ?? {}, hasStdin });
		if (body.length > longestMessage)
			throw new UsageError(
				`a command of ${body.length} bytes is too long; allowed: ${longestMessage}; use put() for data`,
			);
		const { maxOutputBytes = outputBytes } = options;
		const kept = { stdout: new BoundedOutput(maxOutputBytes), stderr: new BoundedOutput(maxOutputBytes) };
		const what = typeof command === 'string' ? command : argv.join(' ');
		const done = await this.#job('X', body, {
			...{ ...options, what, input: options.stdin },
			onOutput: (stream, bytes) => {
				options.onOutput?.(stream, bytes);
				if (maxOutputBytes > 0 && !kept[stream].push(bytes)) return this.#tooMuch(what, stream, maxOutputBytes);
			},
		});
		const output = { stdout: kept.stdout.bytes, stderr: kept.stderr.bytes };
		if (done.how === 'status') return { status: done.status, signal: null, ...output };
		if (done.how === 'signal') return { status: null, signal: done.signal, ...output };
		if (done.how === 'error')
			throw new GuestError('exec', `${JSON.stringify(argv[0])} could not be started in the guest: ${done.code}`, {
				evidence: this.console.lastLines(),
			});
		throw this.#protocolError();
	}

	async put(
		content: string | Uint8Array,
		guestPath: string,
		options: WaitOptions & { readonly mode?: number } = {},
	): Promise<GuestFile> {
		const bytes = Buffer.from(content);
		const head = Buffer.alloc(2);
		head.writeUInt16LE(options.mode ?? 0o644);
		const done = await this.#job('P', Buffer.concat([head, pathOf(guestPath)]), {
			...options,
			input: bytes,
			what: `writing ${guestPath}`,
			onOutput: () => undefined,
		});
		if (done.how === 'error') throw this.#fileError('written', guestPath, done.code);
		if (done.how !== 'file') throw this.#protocolError();
		if (done.sizeBytes !== bytes.length || done.sha256 !== createHash('sha256').update(bytes).digest('hex'))
			throw this.#fileError('written', guestPath, 'what was read back differs');
		return { sizeBytes: done.sizeBytes, sha256: done.sha256 };
	}

	async get(guestPath: string, options: WaitOptions & { readonly maxBytes?: number } = {}): Promise<Buffer> {
		const { maxBytes = fileBytes } = options;
		const kept = new BoundedOutput(maxBytes);
		const done = await this.#job('G', pathOf(guestPath), {
			...{ ...options, input: undefined, what: `reading ${guestPath}` },
			onOutput: (_stream, bytes) =>
				kept.push(bytes) ? undefined : this.#fileError('read', guestPath, `it is longer than ${maxBytes} bytes`),
		});
		if (done.how === 'error') throw this.#fileError('read', guestPath, done.code);
		if (done.how !== 'file') throw this.#protocolError();
		const { bytes } = kept;
		if (done.sizeBytes !== bytes.length || done.sha256 !== createHash('sha256').update(bytes).digest('hex'))
			throw this.#fileError('read', guestPath, 'the received bytes differ from the sent ones');
		return bytes;
	}

	/** Ends the session. The agent kills what still runs. The caller keeps the console. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.#session[Symbol.asyncDispose]();
	}

	async #job(
		type: 'X' | 'P' | 'G',
		body: Buffer,
		options: WaitOptions & {
			readonly input: GuestRunOptions['stdin'];
			readonly what: string;
			readonly onOutput: JobParts['onOutput'];
		},
	): Promise<Done> {
		const { signal, timeoutMs, what } = options;
		signal?.throwIfAborted();
		const stopped = Promise.withResolvers<never>();
		stopped.promise.catch(() => undefined);
		let timer: NodeJS.Timeout | undefined;
		let isOver = false;
		// For a guest that is still booting, a request's time limit starts when the agent answers.
		void this.#session.greeted.then(
			() => {
				if (timeoutMs === undefined || isOver) return;
				timer = setTimeout(
					() => stopped.reject(new DeadlineError(`in the guest: ${shorten(what)}`, timeoutMs)),
					timeoutMs,
				);
			},
			() => undefined,
		);
		const onAbort = () => stopped.reject(signal?.reason);
		signal?.addEventListener('abort', onAbort, { once: true });
		try {
			await this.#takePlace(stopped.promise);
			const job = new Job({
				channel: this.#nextChannel(),
				onOutput: options.onOutput,
				send: message => this.#session.write(message),
			});
			this.#jobs.set(job.channel, job);
			this.#untold.add(job.channel);
			try {
				this.#session.write(encodeMessage(type, job.channel, body));
				const fed = job.feed(options.input);
				return await Promise.race([job.ended.promise, stopped.promise, fed.then(() => job.ended.promise)]);
			} catch (error) {
				await this.#kill(job);
				throw error;
			} finally {
				this.#jobs.delete(job.channel);
				job.close();
				this.#busy -= 1;
				this.#waiting.shift()?.();
			}
		} finally {
			isOver = true;
			clearTimeout(timer);
			signal?.removeEventListener('abort', onAbort);
		}
	}

	/** Waits until the agent has room for another job. */
	async #takePlace(stopped: Promise<never>): Promise<void> {
		while (this.#busy >= mostCommands) {
			const turn = Promise.withResolvers<void>();
			this.#waiting.push(turn.resolve);
			try {
				await Promise.race([turn.promise, stopped]);
			} catch (error) {
				const at = this.#waiting.indexOf(turn.resolve);
				if (at === -1) this.#waiting.shift()?.();
				else this.#waiting.splice(at, 1);
				throw error;
			}
		}
		this.#busy += 1;
	}

	#nextChannel(): number {
		if (this.#untold.size === channels) throw this.#protocolError();
		do this.#lastChannel = (this.#lastChannel + 1) % channels;
		while (this.#untold.has(this.#lastChannel));
		return this.#lastChannel;
	}

	async #kill(job: Job): Promise<void> {
		if (this.#session.ended !== undefined) return;
		this.#session.write(encodeMessage('K', job.channel, Buffer.of(9)));
		const cancel = new AbortController();
		await Promise.race([
			job.ended.promise.catch(() => undefined),
			delay(killMs * this.console.speedFactor * contention(), undefined, { signal: cancel.signal }).catch(
				() => undefined,
			),
		]);
		cancel.abort();
	}

	#onMessage({ type, channel, body }: Message): void {
		if (type === 'D') this.#untold.delete(channel);
		const job = this.#jobs.get(channel);
		if (job === undefined) return;
		if (type === 'O' || type === 'R') {
			const refusal = job.onOutput(type === 'O' ? 'stdout' : 'stderr', body);
			// The waiting caller kills it.
			if (refusal !== undefined) job.ended.reject(refusal);
		} else if (type === 'C') job.addCredit(decodeNumber(body, 0)?.number ?? 0);
		else if (type === 'D') {
			job.close();
			const done = readDone(body);
			if (done === undefined) job.ended.reject(this.#protocolError());
			else job.ended.resolve(done);
		}
	}

	#tooMuch(what: string, stream: string, maxBytes: number): GuestError {
		return new GuestError('output', `in the guest: ${shorten(what)} printed more than ${maxBytes} bytes to ${stream}`, {
			evidence: this.console.lastLines(),
		});
	}

	#protocolError(): GuestError {
		return new GuestError('protocol', "the guest's agent sent an answer that does not match the request", {
			evidence: this.console.lastLines(),
		});
	}

	#fileError(verb: string, guestPath: string, why: string): GuestError {
		return new GuestError('file', `${guestPath} could not be ${verb} in the guest: ${why}`, {
			evidence: this.console.lastLines(),
		});
	}
}

function pathOf(guestPath: string): Buffer {
	const bytes = Buffer.from(`${guestPath}\0`);
	if (guestPath === '' || guestPath.includes('\0') || bytes.length > 1024)
		throw new UsageError(`${JSON.stringify(shorten(guestPath))} is not a path in the guest (1 to 1023 bytes, no NUL)`);
	return bytes;
}

function shorten(text: string): string {
	return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Collects output up to its limit. */
class BoundedOutput {
	readonly #parts: Buffer[] = [];
	readonly #maxBytes: number;
	#length = 0;

	constructor(maxBytes: number) {
		this.#maxBytes = maxBytes;
	}

	/** Returns `false` once the limit is exceeded; nothing more is kept then. */
	push(bytes: Buffer): boolean {
		this.#length += bytes.length;
		if (this.#length <= this.#maxBytes) this.#parts.push(bytes);
		else this.#parts.length = 0;
		return this.#length <= this.#maxBytes;
	}

	get bytes(): Buffer {
		return Buffer.concat(this.#parts);
	}
}
