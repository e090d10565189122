import { VpmuError } from '../lib/errors.ts';

/**
 * Why a QMP operation failed. Each code calls for a different reaction of the caller:
 *
 * - `QMP_CONNECT`: nothing answers at that address; `cause` is the system's error.
 * - `QMP_TIMEOUT`: connected, but the greeting, the reply or the event did not arrive in time.
 * - `QMP_COMMAND`: QEMU refused the command; `class` and `desc` are QEMU's own.
 * - `QMP_PROTOCOL`: the received bytes are not QMP, or the reply to this command was lost in them.
 * - `QMP_DISCONNECTED`: the connection ended first; `cause` is the first cause, `death` says how the process ended.
 * - `QMP_OVERFLOW`: a listener did not take its events and its queue is full.
 */
export type QmpErrorCode =
	| 'QMP_CONNECT'
	| 'QMP_TIMEOUT'
	| 'QMP_COMMAND'
	| 'QMP_PROTOCOL'
	| 'QMP_DISCONNECTED'
	| 'QMP_OVERFLOW';

/** How the process behind a connection ended, as reported by its owner. */
export interface PeerDeath {
	/** Exit status; `null` if a signal ended it. */
	readonly status: number | null;
	/** Signal that ended it, such as `SIGABRT`; `null` if it exited. */
	readonly signal: string | null;
	/** Last lines of its stderr, oldest first. */
	readonly stderr: readonly string[];
}

export interface QmpErrorDetails {
	readonly command?: string | undefined;
	readonly class?: string | undefined;
	readonly desc?: string | undefined;
	readonly death?: PeerDeath | undefined;
	readonly evidence?: readonly string[] | undefined;
	readonly cause?: unknown;
}

/** Any QMP failure; {@link QmpErrorCode} says which. */
export class QmpError extends VpmuError {
	override readonly name = 'QmpError';
	readonly code: QmpErrorCode;
	/** The command that failed. */
	declare readonly command?: string;
	/** QEMU's error class, with `QMP_COMMAND`: `GenericError`, `CommandNotFound`, `DeviceNotFound`, … */
	declare readonly class?: string;
	/** QEMU's error text, with `QMP_COMMAND`. For people: it differs between versions. */
	declare readonly desc?: string;
	/** How QEMU ended, with `QMP_DISCONNECTED`, if known. */
	declare readonly death?: PeerDeath;

	constructor(code: QmpErrorCode, message: string, details: QmpErrorDetails = {}) {
		const { evidence, cause } = details;
		super(message, { blame: 'qemu', evidence: evidence ?? details.death?.stderr ?? [], cause });
		this.code = code;
		if (details.command !== undefined) this.command = details.command;
		if (details.class !== undefined) this.class = details.class;
		if (details.desc !== undefined) this.desc = details.desc;
		if (details.death !== undefined) this.death = details.death;
	}
}

/** Describes a death: `it was killed by SIGABRT`, with the last line that it wrote to stderr. */
export function describePeerDeath({ status, signal, stderr }: PeerDeath): string {
	const how = signal === null ? `it exited with status ${status}` : `it was killed by ${signal}`;
	const last = stderr.findLast(line => line.trim() !== '');
	return last === undefined ? how : `${how}; its last words: ${last.trim()}`;
}
