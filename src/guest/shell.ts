import type { WaitOptions } from '../lib/deadline.ts';

/** How a command in the guest ended, with its output byte for byte. */
export type GuestResult = (
	| { readonly status: number; readonly signal: null }
	| { readonly status: null; readonly signal: string }
) & { readonly stdout: Buffer; readonly stderr: Buffer };

export interface GuestRunOptions extends WaitOptions {
	readonly stdin?: string | Uint8Array;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** Called with each piece of output as it comes. */
	readonly onOutput?: (stream: 'stdout' | 'stderr', bytes: Buffer) => void;
}

/** Commands in a running guest. */
export interface GuestShell extends AsyncDisposable {
	/**
	 * Runs a command, given as an argument vector or as a script for the guest's `/bin/sh`.
	 * A missing exit status is an error, never status 0.
	 * @throws GuestError when the guest panics, reboots, hangs or its console ends; DeadlineError; the signal's reason
	 */
	run(command: readonly string[] | string, options?: GuestRunOptions): Promise<GuestResult>;

	/** What this shell vouches for: `framed` (checksummed, resent, byte-exact) or `plain` (a prompt that was parsed). */
	readonly guarantees: 'framed' | 'plain';
}
