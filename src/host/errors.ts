import { VpmuError } from '../lib/errors.ts';

/**
 * What kept a host from doing what it was asked:
 * `unreachable` (no such name, no route, no answer), `refused` (nobody listens, or sshd turned us away), `auth`,
 * `host-key`, `lost` (the connection ended later), `no-socket` (nobody listens on the Unix socket yet),
 * `no-tool` (a program is missing here or there), `copy` (a file could not be copied), `other`.
 */
export type HostFailure =
	| 'unreachable'
	| 'refused'
	| 'auth'
	| 'host-key'
	| 'lost'
	| 'no-socket'
	| 'no-tool'
	| 'copy'
	| 'other';

export interface HostErrorOptions {
	readonly host: string;
	readonly failure: HostFailure;
	readonly evidence?: readonly string[];
	readonly cause?: unknown;
	/** Hosts that are boards are to blame as boards. */
	readonly blame?: 'host' | 'board';
}

/** A host that could not do what it was asked. */
export class HostError extends VpmuError {
	override readonly name = 'HostError';
	readonly host: string;
	readonly failure: HostFailure;

	constructor(message: string, { host, failure, evidence = [], cause, blame = 'host' }: HostErrorOptions) {
		super(message, { blame, evidence, ...(cause === undefined ? {} : { cause }) });
		this.host = host;
		this.failure = failure;
	}
}
