import { VpmuError } from '../lib/errors.ts';

/**
 * Why a host could not do what it was asked:
 * `unreachable` (no such name, no route, no answer), `refused` (nothing listens, or sshd rejected the connection), `auth`,
 * `host-key`, `lost` (the connection ended later), `no-socket` (nothing listens on the Unix socket yet), `no-tool` (a program
 * is missing on the host or locally), `copy` (a file could not be copied), `output` (a command printed more than allowed), `other`.
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
	| 'output'
	| 'other';

export interface HostErrorOptions {
	readonly host: string;
	readonly failure: HostFailure;
	readonly evidence?: readonly string[];
	readonly cause?: unknown;
	/** `board` if the host is a board. */
	readonly blame?: 'host' | 'board';
}

/** A host could not do what it was asked. */
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
