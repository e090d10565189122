import type { SerialConsole } from '../../guest/console.ts';
import { GuestError } from '../../guest/errors.ts';
import type { ShellOptions } from '../../guest/open.ts';
import type { GuestFile, GuestResult, GuestRunOptions, GuestShell } from '../../guest/shell.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { QemuError } from '../errors.ts';

/** Limit for the triage of a silent guest, before the silence is reported. */
const lookMs = 40_000;
/** Limit for finding out whether QEMU itself does not answer. */
const askMs = 20_000;

type OpenOptions = WaitOptions & Pick<ShellOptions, 'onCandidate'>;

/**
 * The shell of a machine's guest, opened on first use, so that the guest can boot in the meantime. All requests fail when
 * QEMU ends or stops the machine, unless the guest itself reported the cause (a panic).
 */
export class MachineShell implements GuestShell {
	readonly console: SerialConsole;
	readonly #orEnd: <T>(doing: string, work: Promise<T>) => Promise<T>;
	readonly #open: (options: OpenOptions) => Promise<GuestShell>;
	readonly #onReady: () => void;
	readonly #onSilence: () => Promise<unknown>;
	readonly #silentQemu: () => Promise<QemuError | undefined>;
	#opened: Promise<GuestShell> | undefined;
	#shell: GuestShell | undefined;

	constructor(parts: {
		console: SerialConsole;
		/** Settles as the work does, or rejects if QEMU ends or stops the machine. */
		orEnd: <T>(doing: string, work: Promise<T>) => Promise<T>;
		open: (options: OpenOptions) => Promise<GuestShell>;
		onReady: () => void;
		/** Called when the guest is found silent, before the error is reported. */
		onSilence: () => Promise<unknown>;
		/** Called before `onSilence`. Returns the error to report instead if the guest is silent because of QEMU. */
		silentQemu: () => Promise<QemuError | undefined>;
	}) {
		this.console = parts.console;
		this.#orEnd = parts.orEnd;
		this.#open = parts.open;
		this.#onReady = parts.onReady;
		this.#onSilence = parts.onSilence;
		this.#silentQemu = parts.silentQemu;
	}

	/** Which kind of shell answered. @throws Error before {@link ready} has resolved */
	get guarantees(): 'framed' | 'plain' {
		if (this.#shell === undefined) throw new Error('the shell is not open yet: await ready() or run() first');
		return this.#shell.guarantees;
	}

	/**
	 * Waits for the guest's shell. Concurrent callers wait for the same opening, each with its own limits.
	 *
	 * @throws GuestError, QemuError when QEMU ends first, DeadlineError, the signal's reason
	 */
	async ready(options: WaitOptions = {}): Promise<GuestShell> {
		if (this.#opened !== undefined) return await within("the guest's shell", this.#opened, options);
		this.#opened = this.#start(options);
		// The opening has these limits itself, and a better message when they are reached.
		return await this.#opened;
	}

	async #start(options: OpenOptions): Promise<GuestShell> {
		try {
			this.#shell = await this.#orEnd('the guest was booting', this.#open(options));
			this.#onReady();
			return this.#shell;
		} catch (error) {
			// A later caller may wait longer.
			this.#opened = undefined;
			throw await this.#lookAtSilence(error, options);
		}
	}

	async run(command: readonly string[] | string, options: GuestRunOptions = {}): Promise<GuestResult> {
		const { stdin, signal } = options;
		// A stream can be read only once, so wait for the shell that answers.
		if (typeof stdin === 'object' && !(stdin instanceof Uint8Array)) await this.ready({ signal });
		return await this.#ask('a command ran in the guest', options, shell => shell.run(command, options));
	}

	async put(
		content: string | Uint8Array,
		guestPath: string,
		options: WaitOptions & { readonly mode?: number } = {},
	): Promise<GuestFile> {
		return await this.#ask('a file was written in the guest', options, shell => shell.put(content, guestPath, options));
	}

	async get(guestPath: string, options: WaitOptions & { readonly maxBytes?: number } = {}): Promise<Buffer> {
		return await this.#ask('a file of the guest was read', options, shell => shell.get(guestPath, options));
	}

	/** Asks before the shell is ready, so that the first request goes out together with the greeting. */
	async #ask<T>(doing: string, { signal }: WaitOptions, ask: (shell: GuestShell) => Promise<T>): Promise<T> {
		let early: { readonly shell: GuestShell; readonly answer: Promise<T> } | undefined;
		this.#opened ??= this.#start({
			signal,
			onCandidate: shell => {
				early = { shell, answer: ask(shell) };
				// Reported below, unless another shell answers or none does.
				early.answer.catch(() => undefined);
			},
		});
		const shell = await this.ready({ signal });
		return await this.#watched(doing, early?.shell === shell ? early.answer : ask(shell), { signal });
	}

	async #watched<T>(doing: string, work: Promise<T>, limits: WaitOptions): Promise<T> {
		try {
			return await this.#orEnd(doing, work);
		} catch (error) {
			throw await this.#lookAtSilence(error, limits);
		}
	}

	/** Returns the error to report: the given one, unless the guest is silent because of QEMU. */
	async #lookAtSilence(error: unknown, { signal }: WaitOptions): Promise<unknown> {
		if (!(error instanceof GuestError) || (error.kind !== 'hang' && error.kind !== 'no-shell')) return error;
		const look = <T>(timeoutMs: number, work: Promise<T>) =>
			within('a look at the silent guest', work, { signal, timeoutMs }).catch(() => undefined);
		const silent = await look(askMs * contention(), this.#silentQemu());
		await look(lookMs * contention(), this.#onSilence());
		return silent ?? error;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#shell?.[Symbol.asyncDispose]();
	}
}
