import { VpmuError } from '../lib/errors.ts';
import type { KernelTroubleKind } from './kernel/words.ts';

/** What a guest's kernel can say on its console when something went wrong, and what its silence or its return means. */
export type TroubleKind = KernelTroubleKind | 'reboot' | 'hang';

export type GuestErrorKind =
	| TroubleKind
	/** The console's stream ended: QEMU has gone, or somebody closed the socket. */
	| 'console-closed'
	/** Our agent was started anew while the guest's kernel went on running. */
	| 'agent-restarted'
	/** Neither our agent nor a prompt. */
	| 'no-shell'
	/** A program could not be started. */
	| 'exec'
	/** The two ends disagree about the protocol, or a plain shell's answer was not readable. */
	| 'protocol'
	/** A command printed more than it may. */
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
