import { VpmuError } from '../lib/errors.ts';

/**
 * Why a QMP operation failed, named for what the caller would decide:
 *
 * - `QMP_CONNECT`: nothing answers at that address; `cause` is the system's error.
 * - `QMP_TIMEOUT`: connected, but the greeting, the reply or the event did not come in time.
 * - `QMP_COMMAND`: QEMU refused the command; `class` and `desc` are its own words.
 * - `QMP_PROTOCOL`: what came is not QMP, or the reply to this command was lost in it.
 * - `QMP_DISCONNECTED`: the connection ended first; `cause` is the first cause, `death` how the process ended.
 * - `QMP_OVERFLOW`: a listener did not take its events and its queue is full.
 */
export type QmpErrorCode =
	| 'QMP_CONNECT'
	| 'QMP_TIMEOUT'
	| 'QMP_COMMAND'
	| 'QMP_PROTOCOL'
	| 'QMP_DISCONNECTED'
	| 'QMP_OVERFLOW';

/** How the process behind a connection ended, as told by whoever owns it. */
export interface PeerDeath {
	/** Exit status, `null` when a signal ended it. */
	readonly status: number | null;
	/** Signal that ended it, such as `SIGABRT`, `null` when it exited. */
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

/** Everything that can go wrong with QMP; {@link QmpErrorCode} says what it was. */
export class QmpError extends VpmuError {
	override readonly name = 'QmpError';
	readonly code: QmpErrorCode;
	/** The command that this is about. */
	declare readonly command?: string;
	/** QEMU's error class, with `QMP_COMMAND`: `GenericError`, `CommandNotFound`, `DeviceNotFound`, … */
	declare readonly class?: string;
	/** QEMU's sentence, with `QMP_COMMAND`. Meant for people: it differs between versions. */
	declare readonly desc?: string;
	/** How QEMU ended, with `QMP_DISCONNECTED`, where somebody knows. */
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

/** A death in words: `it was killed by SIGABRT`, with the last line that it wrote to stderr. */
export function describePeerDeath({ status, signal, stderr }: PeerDeath): string {
	const how = signal === null ? `it exited with status ${status}` : `it was killed by ${signal}`;
	const last = stderr.findLast(line => line.trim() !== '');
	return last === undefined ? how : `${how}; its last words: ${last.trim()}`;
}
