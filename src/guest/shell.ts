import type { WaitOptions } from '../lib/deadline.ts';
import type { SerialConsole } from './console.ts';

/** How a command in the guest ended, with its output byte for byte. */
export type GuestResult = (
	| { readonly status: number; readonly signal: null }
	| { readonly status: null; readonly signal: string }
) & { readonly stdout: Buffer; readonly stderr: Buffer };

/** How a command in the guest is run. */
export interface GuestRunOptions extends WaitOptions {
	/** A stream is passed on as it comes (plain shells: when it has ended); it is left, as a loop over it would be, when the command ends first. */
	readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
	/** Added to the environment of the guest's shell. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/**
	 * A command that prints more, to stdout or stderr, is killed and `run` throws. Default 16 MiB. 0: output is given to
	 * `onOutput` only, without end, and the result has none.
	 */
	readonly maxOutputBytes?: number;
	/** Called with each piece of output as it comes (plain shells: once, at the end). */
	readonly onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** A file as it stands in the guest after it was written and read back. */
export interface GuestFile {
	readonly sizeBytes: number;
	/** Hexadecimal. */
	readonly sha256: string;
}

/** Commands in a running guest. */
export interface GuestShell extends AsyncDisposable {
	/**
	 * Runs a command, given as an argument vector or as a script for the guest's `/bin/sh`. It is over when the process
	 * has ended and what it had written is read; what its background children write later is lost.
	 * A missing exit status is an error, never status 0. At the deadline or abort its process group is killed.
	 * @throws GuestError when the guest panics, reboots, hangs or its console ends, or the program cannot be started (`exec`);
	 *   DeadlineError; the signal's reason
	 */
	run(command: readonly string[] | string, options?: GuestRunOptions): Promise<GuestResult>;

	/**
	 * Writes a file in the guest, replacing one that is there only when all is written and read back right.
	 * @throws GuestError kind `file`, and as {@link run}
	 */
	put(
		content: string | Uint8Array,
		guestPath: string,
		options?: WaitOptions & { readonly mode?: number },
	): Promise<GuestFile>;

	/**
	 * Reads a file of the guest, checked against the guest's own checksum. One of more than `maxBytes` (default 64 MiB) is
	 * refused. @throws GuestError kind `file`, and as {@link run}
	 */
	get(guestPath: string, options?: WaitOptions & { readonly maxBytes?: number }): Promise<Buffer>;

	/**
	 * What this shell vouches for. `framed`: checksummed, resent, byte-exact, several commands at once, signals are signals.
	 * `plain`: a prompt and files in the guest, one command at a time; a signal is seen as the shell's status 128 + n; output
	 * is checked by `sha256sum` or `cksum` where the guest has them (else by size), and comes at the end.
	 */
	readonly guarantees: 'framed' | 'plain';

	readonly console: SerialConsole;
}
