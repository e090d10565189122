import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { DeadlineError, formatDuration } from '../lib/waiting/deadline.ts';
import { FairClock, type FairClockOptions, Silence } from '../lib/waiting/fair-clock.ts';
import { GuestError, type TroubleKind } from './errors.ts';
import { KernelLogReader, type KernelReport } from './kernel/log.ts';
import { Pace, readingOf } from './pace.ts';
import { TextCleaner, TextTail } from './text.ts';
import { describeTrouble, type Trouble, TroubleDetector } from './trouble.ts';

export interface ConsoleOptions {
	/**
	 * Called with the raw bytes and their arrival time (clock of `performance.now()`); used to write console.log and console.timing.
	 */
	readonly record?: (bytes: Buffer, atMs: number) => void;
	/** How much slower this host is than the reference host; scales the silence watchdog. Default 1. */
	readonly speedFactor?: number;
	/** How many lines an error shows as evidence. Default 40. */
	readonly evidenceLines?: number;
	/** The guest is already running (restored from a snapshot), so a boot banner means a reboot. Default false. */
	readonly booted?: boolean;
	/** The clock and load by which silence is measured, if not this machine's own. For tests. */
	readonly clock?: Partial<FairClockOptions>;
}

export interface ConsoleWaitOptions extends WaitOptions {
	/** Ends the wait with a `hang` when the console is silent for this long (times the speed factor). */
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

/** Longest match of a pattern: this much text is searched again when more arrives. */
const overlap = 4096;

/**
 * Reads a guest's serial console continuously, records it, searches it, and detects kernel trouble reported on it.
 * It owns its stream.
 */
export class SerialConsole implements AsyncDisposable {
	readonly speedFactor: number;
	/** Resolves when the stream has ended, for whatever reason; never rejects. */
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
	/** Fatal trouble that is not yet verified: the latest of each kind. */
	readonly #suspicions = new Map<TroubleKind, Trouble>();
	#filter: ConsoleFilter | undefined;
	#verify: ((trouble: Trouble) => Promise<boolean>) | undefined;
	/** Text since the last line end. */
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
				// An unterminated line is the last one.
				this.#readLines('\n', performance.now());
				// If the guest reported a panic and then disappeared, the report was true.
				for (const trouble of [...this.#suspicions.values()]) this.#confirm(trouble);
				for (const listener of [...this.#textListeners]) listener();
			});
	}

	/** What went wrong so far, oldest first. */
	get troubles(): readonly Trouble[] {
		return this.#troubles;
	}

	/** What the kernel reported so far, each with its lines. Panics that turned out to be imitations are left out. */
	get kernelReports(): readonly KernelReport[] {
		const panicked = this.#troubles.some(trouble => trouble.kind === 'panic');
		return this.#reader.reports.filter(report => report.kind !== 'panic' || panicked);
	}

	get receivedBytes(): number {
		return this.#receivedBytes;
	}

	/** When the last bytes arrived, on the clock of `performance.now()`. */
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

	/** The readable text since a {@link position}, as far as it is still buffered. */
	textSince(position: number): string {
		return this.#tail.from(position).text;
	}

	/** Calls `listener` with all bytes from now on, for an attached user. */
	onBytes(listener: (bytes: Buffer) => void): Disposable {
		return subscribe(this.#byteListeners, listener);
	}

	/** Calls `listener` for each trouble from now on. */
	onTrouble(listener: (trouble: Trouble) => void): Disposable {
		return subscribe(this.#troubleListeners, listener);
	}

	/** Whether a boot banner would mean a reboot: the guest was running from the start, or a shell has been seen. */
	get isBooted(): boolean {
		return this.#detector.isBooted;
	}

	/** Treats a boot banner as a reboot from now on. */
	markBooted(): void {
		this.#detector.markBooted();
	}

	/**
	 * Installs a protocol between the stream and the text. Only one at a time.
	 * `verify` is called for fatal trouble before it is reported. It returns `false` if the guest is well, so the line was
	 * only printed by some program.
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

	/** The error for a console that ended during `doing`. */
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

	/** The error for the first fatal trouble, if any. */
	fatalError(): GuestError | undefined {
		return this.fatal === undefined ? undefined : this.troubleError(this.fatal);
	}

	/** The first fatal trouble, if any. */
	get fatal(): Trouble | undefined {
		return this.#troubles.find(trouble => trouble.fatal);
	}

	/**
	 * Accepts a restart of the guest that was asked for: reboots and hangs so far are no longer fatal. A panic stays so.
	 */
	acceptRestart(): void {
		this.#suspicions.delete('reboot');
		for (const [index, trouble] of this.#troubles.entries()) {
			if (trouble.kind !== 'panic') this.#troubles[index] = { ...trouble, fatal: false };
		}
	}

	/** Reports guest trouble that was detected elsewhere than in the console's text. */
	report(trouble: Trouble): void {
		this.#troubles.push(trouble);
		for (const listener of [...this.#troubleListeners]) listener(trouble);
		for (const listener of [...this.#textListeners]) listener();
	}

	/**
	 * Waits until text from the guest matches. Searches from the end of the previous match. A match may be at most 4096
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

	/** Stops reading the stream for a while if {@link Pace} says so. */
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

	/**
	 * Verifies until the latest line of this kind is known to be true or false. A flood of imitations is verified one at a time.
	 */
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
		// Keep the last part of a line that does not end.
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
