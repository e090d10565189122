import type { SerialConsole } from '../../guest/console.ts';
import { GuestError } from '../../guest/errors.ts';
import type { ShellOptions } from '../../guest/open.ts';
import type { GuestFile, GuestResult, GuestRunOptions, GuestShell } from '../../guest/shell.ts';
import { type WaitOptions, within } from '../../lib/deadline.ts';
import { contention } from '../../lib/fair-clock.ts';
import type { QemuError } from '../errors.ts';

/** A look at a silent guest may take that long before the silence is reported. */
const lookMs = 40_000;
/** And so long may it take to find out whether it is QEMU that does not answer. */
const askMs = 20_000;

type OpenOptions = WaitOptions & Pick<ShellOptions, 'onCandidate'>;

/**
 * The shell of a machine's guest, opened at its first use: a guest boots while other things are asked. All that is
 * asked of it fails when QEMU ends or stops the machine, unless the guest itself gave the cause (a panic).
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
		/** Settles as the work does, unless QEMU ends or stops the machine. */
		orEnd: <T>(doing: string, work: Promise<T>) => Promise<T>;
		open: (options: OpenOptions) => Promise<GuestShell>;
		onReady: () => void;
		/** Called when the guest is found silent, before anyone is told. */
		onSilence: () => Promise<unknown>;
		/** Called before that: the error to be told instead, where the guest is silent because QEMU is. */
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
	 * Waits for the guest's shell. Who asks while it is being opened waits for the same opening, with own limits.
	 *
	 * @throws GuestError, QemuError when QEMU ends first, DeadlineError, the signal's reason
	 */
	async ready(options: WaitOptions = {}): Promise<GuestShell> {
		if (this.#opened !== undefined) return await within("the guest's shell", this.#opened, options);
		this.#opened = this.#start(options);
		// Its limits are the opening's own, which knows better words for their end.
		return await this.#opened;
	}

	async #start(options: OpenOptions): Promise<GuestShell> {
		try {
			this.#shell = await this.#orEnd('the guest was booting', this.#open(options));
			this.#onReady();
			return this.#shell;
		} catch (error) {
			// A later caller may have more patience.
			this.#opened = undefined;
			throw await this.#lookAtSilence(error, options);
		}
	}

	async run(command: readonly string[] | string, options: GuestRunOptions = {}): Promise<GuestResult> {
		const { stdin, signal } = options;
		// A stream can be read by one shell only: by the one that answers.
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

	/** What is asked first is asked before the shell is there, so that it goes out with the greeting. */
	async #ask<T>(doing: string, { signal }: WaitOptions, ask: (shell: GuestShell) => Promise<T>): Promise<T> {
		let early: { readonly shell: GuestShell; readonly answer: Promise<T> } | undefined;
		this.#opened ??= this.#start({
			signal,
			onCandidate: shell => {
				early = { shell, answer: ask(shell) };
				// Told below, unless another shell answers or none.
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

	/** What is to be told of an error: the error itself, unless the guest is silent because QEMU is. */
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
