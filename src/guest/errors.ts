import { VpmuError } from '../lib/errors.ts';
import type { KernelTroubleKind } from './kernel/words.ts';

/** Kinds of guest failure: what a kernel prints when something went wrong, and what silence or a reboot means. */
export type TroubleKind = KernelTroubleKind | 'reboot' | 'hang';

export type GuestErrorKind =
	| TroubleKind
	/** The console's stream ended: QEMU exited, or the socket was closed. */
	| 'console-closed'
	/** Our agent was restarted while the guest's kernel kept running. */
	| 'agent-restarted'
	/** Neither our agent nor a prompt was found. */
	| 'no-shell'
	/** A program could not be started. */
	| 'exec'
	/** The two ends disagree about the protocol, or a plain shell's answer was unreadable. */
	| 'protocol'
	/** A command printed more than its limit. */
	| 'output'
	/** A file could not be read or written in the guest. */
	| 'file'
	/** What perf printed cannot be read. */
	| 'perf-output';

/** Something in the guest failed. `evidence` holds the console's last lines (or the text that could not be read). */
export class GuestError extends VpmuError {
	override readonly name = 'GuestError';
	readonly kind: GuestErrorKind;

	constructor(
		kind: GuestErrorKind,
		message: string,
		options: { readonly evidence?: readonly string[]; readonly cause?: unknown } = {},
	) {
		super(message, { blame: 'guest', ...options });
		this.kind = kind;
	}
}
