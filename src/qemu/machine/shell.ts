import type { SerialConsole } from '../../guest/console.ts';
import { GuestError } from '../../guest/errors.ts';
import type { GuestFile, GuestResult, GuestRunOptions, GuestShell } from '../../guest/shell.ts';
import { type WaitOptions, within } from '../../lib/deadline.ts';
import type { QemuProcess } from '../process/process.ts';

/** A look at a silent guest may take that long before the silence is reported. */
const lookMs = 40_000;

/**
 * The shell of a machine's guest, opened at its first use: a guest boots while other things are asked. All that is
 * asked of it fails with QEMU's end when QEMU ends, unless the guest itself gave the cause (a panic).
 */
export class MachineShell implements GuestShell {
	readonly console: SerialConsole;
	readonly #process: QemuProcess;
	readonly #open: (options: WaitOptions) => Promise<GuestShell>;
	readonly #onReady: () => void;
	readonly #onSilence: () => Promise<unknown>;
	#opened: Promise<GuestShell> | undefined;
	#shell: GuestShell | undefined;

	constructor(parts: {
		console: SerialConsole;
		process: QemuProcess;
		open: (options: WaitOptions) => Promise<GuestShell>;
		onReady: () => void;
		/** Called when the guest is found silent, before anyone is told. */
		onSilence: () => Promise<unknown>;
	}) {
		this.console = parts.console;
		this.#process = parts.process;
		this.#open = parts.open;
		this.#onReady = parts.onReady;
		this.#onSilence = parts.onSilence;
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
		this.#opened ??= this.#start(options);
		return await within("the guest's shell", this.#opened, options);
	}

	async #start(options: WaitOptions): Promise<GuestShell> {
		try {
			this.#shell = await this.#process.orDeath('the guest was booting', this.#open(options));
			this.#onReady();
			return this.#shell;
		} catch (error) {
			// A later caller may have more patience.
			this.#opened = undefined;
			await this.#lookAtSilence(error, options);
			throw error;
		}
	}

	async run(command: readonly string[] | string, options: GuestRunOptions = {}): Promise<GuestResult> {
		const shell = await this.ready({ signal: options.signal });
		return await this.#watched('a command ran in the guest', shell.run(command, options), options);
	}

	async put(
		content: string | Uint8Array,
		guestPath: string,
		options: WaitOptions & { readonly mode?: number } = {},
	): Promise<GuestFile> {
		const shell = await this.ready({ signal: options.signal });
		return await this.#watched('a file was written in the guest', shell.put(content, guestPath, options), options);
	}

	async get(guestPath: string, options: WaitOptions = {}): Promise<Buffer> {
		const shell = await this.ready({ signal: options.signal });
		return await this.#watched('a file of the guest was read', shell.get(guestPath, options), options);
	}

	async #watched<T>(doing: string, work: Promise<T>, limits: WaitOptions): Promise<T> {
		try {
			return await this.#process.orDeath(doing, work);
		} catch (error) {
			await this.#lookAtSilence(error, limits);
			throw error;
		}
	}

	async #lookAtSilence(error: unknown, { signal }: WaitOptions): Promise<void> {
		if (!(error instanceof GuestError) || (error.kind !== 'hang' && error.kind !== 'no-shell')) return;
		// What was found first is what is thrown, whatever becomes of the look.
		await within('a look at the silent guest', this.#onSilence(), { signal, timeoutMs: lookMs }).catch(() => undefined);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#shell?.[Symbol.asyncDispose]();
	}
}
