import type { WaitOptions } from '../lib/waiting/deadline.ts';
import type { SerialConsole } from './console.ts';

/** How a command in the guest ended, with its exact output bytes. */
export type GuestResult = (
	| { readonly status: number; readonly signal: null }
	| { readonly status: null; readonly signal: string }
) & { readonly stdout: Buffer; readonly stderr: Buffer };

/** Options for running a command in the guest. */
export interface GuestRunOptions extends WaitOptions {
	/**
	 * A stream is passed on as it arrives (plain shells: once it has ended). If the command ends first, the stream is
	 * closed, as when a loop over it is left.
	 */
	readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
	/** Added to the environment of the guest's shell. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/**
	 * A command that prints more, to stdout or stderr, is killed and `run` throws. Default 16 MiB. 0: output goes to
	 * `onOutput` only, without a limit, and the result has none.
	 */
	readonly maxOutputBytes?: number;
	/** Called with each piece of output as it arrives (plain shells: once, at the end). */
	readonly onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** A file in the guest after it was written and read back. */
export interface GuestFile {
	readonly sizeBytes: number;
	/** Hexadecimal. */
	readonly sha256: string;
}

/** Runs commands in a guest. */
export interface GuestShell extends AsyncDisposable {
	/**
	 * Runs a command, given as an argument vector or as a script for the guest's `/bin/sh`. Returns when the process has
	 * ended and its output is read. Later output of its background children is lost.
	 * A missing exit status is an error, never status 0. The deadline or an abort kills the process group.
	 * @throws GuestError when the guest panics, reboots, hangs or its console ends, or the program cannot be started (`exec`);
	 *   DeadlineError; the signal's reason
	 */
	run(command: readonly string[] | string, options?: GuestRunOptions): Promise<GuestResult>;

	/**
	 * Writes a file in the guest. An existing file is replaced only after all data is written and verified.
	 * @throws GuestError kind `file`, and as {@link run}
	 */
	put(
		content: string | Uint8Array,
		guestPath: string,
		options?: WaitOptions & { readonly mode?: number },
	): Promise<GuestFile>;

	/**
	 * Reads a file of the guest and checks it against the guest's own checksum. A file of more than `maxBytes` (default 64 MiB) is
	 * refused. @throws GuestError kind `file`, and as {@link run}
	 */
	get(guestPath: string, options?: WaitOptions & { readonly maxBytes?: number }): Promise<Buffer>;

	/**
	 * What this shell guarantees. `framed`: checksummed, resent, byte-exact; several commands at once; signals are reported as
	 * signals. `plain`: uses a prompt and files in the guest, one command at a time. A signal shows as the shell's status
	 * 128 + n. Output
	 * is checked by `sha256sum` or `cksum` if the guest has them (else by size), and arrives at the end.
	 */
	readonly guarantees: 'framed' | 'plain';

	readonly console: SerialConsole;
}
