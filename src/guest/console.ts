import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WaitOptions } from '../lib/deadline.ts';
import { DeadlineError, formatDuration } from '../lib/deadline.ts';
import { FairClock, type FairClockOptions, Silence } from '../lib/fair-clock.ts';
import { GuestError, type TroubleKind } from './errors.ts';
import { KernelLogReader, type KernelReport } from './kernel/log.ts';
import { Pace, readingOf } from './pace.ts';
import { TextCleaner, TextTail } from './text.ts';
import { describeTrouble, type Trouble, TroubleDetector } from './trouble.ts';

export interface ConsoleOptions {
	/** Called with the bytes as they came and when (clock of `performance.now()`): what console.log and console.timing are written with. */
	readonly record?: (bytes: Buffer, atMs: number) => void;
	/** How many times slower than the reference host this one is: scales the silence watchdog. Default 1. */
	readonly speedFactor?: number;
	/** How many lines an error shows as evidence. Default 40. */
	readonly evidenceLines?: number;
	/** The guest runs already (restored from a snapshot): a boot banner means a reboot. Default false. */
	readonly booted?: boolean;
	/** What silence is measured by, where it is not this machine's own clock and load: for tests. */
	readonly clock?: Partial<FairClockOptions>;
}

export interface ConsoleWaitOptions extends WaitOptions {
	/** Ends the wait with a `hang` when the console says nothing at all for so long (times the speed factor). */
	readonly silenceMs?: number | undefined;
	/** Position to search from; by default the end of the previous match. */
	readonly from?: number | undefined;
}

/** What {@link SerialConsole.waitFor} found. */
export interface ConsoleMatch {
	readonly match: RegExpExecArray;
	/** The text between the start of the search and the match. */
	readonly before: string;
	/** The position after the match. */
	readonly end: number;
}

/** Takes a protocol's frames out of the stream and returns the rest. */
export type ConsoleFilter = (bytes: Buffer) => Uint8Array;

/** Longest text that one pattern can match: what is searched again when more comes. */
const overlap = 4096;

/**
 * A guest's serial console: read without pause, recorded, searched, and watched for what a kernel says in trouble.
 * It owns its stream.
 */
export class SerialConsole implements AsyncDisposable {
	readonly speedFactor: number;
	/** Resolves once when the stream has ended, however it did; never rejects. */
	readonly closed: Promise<void>;
	readonly #stream: Duplex;
	readonly #options: ConsoleOptions;
	readonly #cleaner = new TextCleaner();
	readonly #tail = new TextTail(256 * 1024);
	readonly #detector: TroubleDetector;
	readonly #troubles: Trouble[] = [];
	readonly #reader = new KernelLogReader();
	readonly #troubleListeners = new Set<(trouble: Trouble) => void>();
	readonly #byteListeners = new Set<(bytes: Buffer) => void>();
	readonly #textListeners = new Set<() => void>();
	/** Fatal trouble that is being doubted: the latest of each kind. */
	readonly #suspicions = new Map<TroubleKind, Trouble>();
	#filter: ConsoleFilter | undefined;
	#verify: ((trouble: Trouble) => Promise<boolean>) | undefined;
	/** Text since the last end of a line. */
	#lineBegun = '';
	#cursor = 0;
	#receivedBytes = 0;
	#lastOutputAt = performance.now();
	#isClosed = false;
	#isResting = false;
	readonly #pace = new Pace();

	constructor(stream: Duplex, options: ConsoleOptions = {}) {
		this.#stream = stream;
		this.#options = options;
		this.speedFactor = options.speedFactor ?? 1;
		this.#detector = new TroubleDetector(options.booted ?? false);
		stream.on('data', (bytes: Buffer) => {
			this.#onData(bytes);
			this.#rest(bytes.length);
		});
		this.closed = finished(stream, { writable: false })
			.catch(() => undefined)
			.then(() => {
				this.#isClosed = true;
				// A line that was cut off is the last there is.
				this.#readLines('\n', performance.now());
				// Who said that it panics and then was gone told the truth.
				for (const trouble of [...this.#suspicions.values()]) this.#confirm(trouble);
				for (const listener of [...this.#textListeners]) listener();
			});
	}

	/** What went wrong so far, oldest first. */
	get troubles(): readonly Trouble[] {
		return this.#troubles;
	}

	/** What the kernel reported so far, each with its lines; without panics that turned out to be imitations. */
	get kernelReports(): readonly KernelReport[] {
		const panicked = this.#troubles.some(trouble => trouble.kind === 'panic');
		return this.#reader.reports.filter(report => report.kind !== 'panic' || panicked);
	}

	get receivedBytes(): number {
		return this.#receivedBytes;
	}

	/** When anything came last, on the clock of `performance.now()`. */
	get lastOutputAt(): number {
		return this.#lastOutputAt;
	}

	get isClosed(): boolean {
		return this.#isClosed;
	}

	/** The position after all text so far, for {@link ConsoleWaitOptions.from}. */
	get position(): number {
		return this.#tail.end;
	}

	/** The last lines as readable text, oldest first. */
	lastLines(count = this.#options.evidenceLines ?? 40): string[] {
		return this.#tail.lastLines(count);
	}

	/** The readable text since a {@link position}, as far as it is kept. */
	textSince(position: number): string {
		return this.#tail.from(position).text;
	}

	/** Calls `listener` with all bytes from now on, as they come: an attached person. */
	onBytes(listener: (bytes: Buffer) => void): Disposable {
		return subscribe(this.#byteListeners, listener);
	}

	/** Calls `listener` for each trouble from now on. */
	onTrouble(listener: (trouble: Trouble) => void): Disposable {
		return subscribe(this.#troubleListeners, listener);
	}

	/** Whether a boot banner would be a reboot: the guest was running from the start, or a shell has been seen. */
	get isBooted(): boolean {
		return this.#detector.isBooted;
	}

	/** From now on a boot banner is a reboot. */
	markBooted(): void {
		this.#detector.markBooted();
	}

	/**
	 * Puts a protocol between the stream and the text. There can be one at a time.
	 * `verify` is asked about fatal trouble before anyone hears of it: `false` says that the guest is well, so that the
	 * line was only printed by someone.
	 */
	attach(filter: ConsoleFilter, verify?: (trouble: Trouble) => Promise<boolean>): Disposable {
		if (this.#filter !== undefined) throw new Error('the console already carries a framed shell');
		this.#filter = filter;
		this.#verify = verify;
		return {
			[Symbol.dispose]: () => {
				this.#filter = undefined;
				this.#verify = undefined;
			},
		};
	}

	/** Sends bytes to the guest. @throws GuestError kind `console-closed` */
	async write(bytes: Uint8Array | string): Promise<void> {
		if (this.#isClosed || !this.#stream.writable) throw this.closedError('write to it');
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		this.#stream.write(bytes, error => {
			if (error) reject(this.closedError('write to it', error));
			else resolve();
		});
		await promise;
	}

	/** The error for a console that ended while somebody wanted to `doing`. */
	closedError(doing: string, cause?: unknown): GuestError {
		return new GuestError('console-closed', `the guest's console ended; wanted to ${doing}`, {
			evidence: this.lastLines(),
			...(cause === undefined ? {} : { cause }),
		});
	}

	/** The error for a trouble. */
	troubleError(trouble: Trouble): GuestError {
		return new GuestError(trouble.kind, describeTrouble(trouble), { evidence: this.lastLines() });
	}

	/** The error for the fatal trouble that was seen first, if any was. */
	fatalError(): GuestError | undefined {
		return this.fatal === undefined ? undefined : this.troubleError(this.fatal);
	}

	/** The fatal trouble that was seen first, if any was. */
	get fatal(): Trouble | undefined {
		return this.#troubles.find(trouble => trouble.fatal);
	}

	/** Says that the guest is in trouble: for those who know it from elsewhere than the console's text. */
	report(trouble: Trouble): void {
		this.#troubles.push(trouble);
		for (const listener of [...this.#troubleListeners]) listener(trouble);
		for (const listener of [...this.#textListeners]) listener();
	}

	/**
	 * Waits until text from the guest matches, searching what came since the previous match. A match may be at most 4096
	 * characters long.
	 * @throws GuestError when the guest panics, reboots, is silent for `silenceMs`, or its console ends; DeadlineError; the signal's reason
	 */
	async waitFor(pattern: RegExp | string, options: ConsoleWaitOptions = {}): Promise<ConsoleMatch> {
		const { signal, timeoutMs } = options;
		signal?.throwIfAborted();
		const regexp =
			typeof pattern === 'string'
				? new RegExp(RegExp.escape(pattern))
				: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
		const what = `waiting for ${typeof pattern === 'string' ? JSON.stringify(pattern) : pattern} on the console`;
		const from = options.from ?? this.#cursor;
		const silenceMs = options.silenceMs === undefined ? undefined : options.silenceMs * this.speedFactor;
		let searched = from;

		const { promise, resolve, reject } = Promise.withResolvers<ConsoleMatch>();
		const look = () => {
			const { text, start } = this.#tail.from(Math.max(from, searched - overlap));
			const match = regexp.exec(text);
			searched = this.#tail.end;
			if (match !== null) {
				const { text: all, start: allStart } = this.#tail.from(from);
				const end = start + match.index + match[0].length;
				this.#cursor = Math.max(this.#cursor, end);
				resolve({ match, before: all.slice(0, start + match.index - allStart), end });
			} else if (this.fatal !== undefined) reject(this.troubleError(this.fatal));
			else if (this.#isClosed) reject(this.closedError(`go on ${what}`));
		};
		using stack = new DisposableStack();
		stack.use(subscribe(this.#textListeners, look));
		if (signal !== undefined) {
			const onAbort = () => reject(signal.reason);
			signal.addEventListener('abort', onAbort, { once: true });
			stack.defer(() => signal.removeEventListener('abort', onAbort));
		}
		if (timeoutMs !== undefined) {
			const timer = setTimeout(() => reject(new DeadlineError(what, timeoutMs)), timeoutMs);
			stack.defer(() => clearTimeout(timer));
		}
		if (silenceMs !== undefined) {
			const everyMs = Math.min(1000, silenceMs / 4);
			const silence = new Silence(
				new FairClock({ longestStepMs: 2 * everyMs, ...this.#options.clock }),
				this.#lastOutputAt,
			);
			const timer = setInterval(() => {
				const silentMs = silence.lengthMs(this.#lastOutputAt);
				if (silentMs < silenceMs) return;
				const line = `no output for ${formatDuration(silentMs)} while ${what}`;
				this.report({ kind: 'hang', line, atMs: performance.now(), fatal: true });
			}, everyMs);
			stack.defer(() => clearInterval(timer));
		}
		look();
		return await promise;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#stream.destroy();
		await this.closed;
	}

	/** Leaves the stream unread for a while, where {@link Pace} says so. */
	#rest(bytes: number): void {
		const restMs = this.#pace.restAfter(bytes, performance.now());
		if (restMs === 0 || this.#isResting) return;
		const reading = readingOf(this.#stream);
		if (reading === undefined) return;
		this.#isResting = true;
		reading.stopReading();
		setTimeout(() => {
			this.#isResting = false;
			this.#pace.resume(performance.now());
			if (!this.#stream.destroyed) reading.startReading();
		}, restMs);
	}

	#onData(bytes: Buffer): void {
		const atMs = performance.now();
		this.#lastOutputAt = atMs;
		this.#receivedBytes += bytes.length;
		this.#options.record?.(bytes, atMs);
		for (const listener of [...this.#byteListeners]) listener(bytes);
		const rest = this.#filter === undefined ? bytes : this.#filter(bytes);
		if (rest.length === 0) return;
		const text = this.#cleaner.push(rest);
		if (text === '') return;
		this.#tail.append(text);
		this.#readLines(text, atMs);
		for (const listener of [...this.#textListeners]) listener();
	}

	/** Asks until the latest line of this kind is known to be true or false: a flood of imitations is asked about one at a time. */
	async #doubt(kind: TroubleKind, verify: (trouble: Trouble) => Promise<boolean>): Promise<void> {
		for (;;) {
			const trouble = this.#suspicions.get(kind);
			if (trouble === undefined) return;
			const real = await verify(trouble).catch(() => true);
			if (real) this.#confirm(trouble);
			else if (this.#suspicions.get(kind) === trouble) this.#suspicions.delete(kind);
		}
	}

	#confirm(trouble: Trouble): void {
		if (this.#suspicions.delete(trouble.kind)) this.report(trouble);
	}

	#readLines(text: string, atMs: number): void {
		const end = text.lastIndexOf('\n') + 1;
		const whole = this.#lineBegun + text.slice(0, end);
		// Of a line without end, its last part.
		this.#lineBegun = end === 0 ? (this.#lineBegun + text).slice(-overlap) : text.slice(end);
		if (end === 0) return;
		if (!TroubleDetector.isSuspicious(whole) && !this.#reader.isInReport) return;
		for (const line of whole.slice(0, -1).split('\n')) {
			this.#reader.push(line);
			const trouble = this.#detector.look(line, atMs);
			if (trouble === undefined) continue;
			const verify = trouble.fatal ? this.#verify : undefined;
			if (verify === undefined) {
				this.report(trouble);
				continue;
			}
			const isBeingDoubted = this.#suspicions.has(trouble.kind);
			this.#suspicions.set(trouble.kind, trouble);
			if (!isBeingDoubted) void this.#doubt(trouble.kind, verify);
		}
	}
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
	listeners.add(listener);
	return { [Symbol.dispose]: () => void listeners.delete(listener) };
}
