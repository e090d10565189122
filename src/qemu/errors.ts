import type { ProcessExit } from '../host/host.ts';
import { type Blame, VpmuError } from '../lib/errors.ts';
import type { ParsedLog } from './trace.ts';

/** What became of a QEMU that did not do what was asked of it. */
export type QemuFailure =
	/** There is no such program on the host. */
	| 'missing'
	/** It is there and may not be run, or is no program. */
	| 'not-executable'
	/** It is for another kind of machine than the host. */
	| 'wrong-architecture'
	/** The loader, a shared library or a module that it needs is not on the host, or is another one than it needs. */
	| 'missing-library'
	/** It ended with an exit status. */
	| 'exited'
	/** A signal ended it. */
	| 'killed'
	/** The host it runs on is no longer reached. */
	| 'host-lost'
	/** It runs, and no QMP answer came. */
	| 'no-qmp'
	/** It runs, and a vCPU makes no progress. */
	| 'stuck'
	/** It runs, and has stopped its machine. */
	| 'stopped';

/** A QEMU that could not be started, died, or hangs. `evidence` ends with the last lines of its stderr. */
export class QemuError extends VpmuError {
	override readonly name = 'QemuError';
	readonly failure: QemuFailure;
	/** How it ended; `null` while it runs or when it never ran. */
	readonly exit: ProcessExit | null;
	readonly argv: readonly string[];
	/** What it had logged (trace events) until it failed to start; `null` where nothing could be read. */
	log: ParsedLog | null = null;

	constructor(
		message: string,
		options: {
			failure: QemuFailure;
			argv: readonly string[];
			exit?: ProcessExit | null;
			blame?: Blame;
			evidence?: readonly string[];
			cause?: unknown;
		},
	) {
		super(message, {
			blame: options.blame ?? 'qemu',
			...(options.evidence === undefined ? {} : { evidence: options.evidence }),
			...(options.cause === undefined ? {} : { cause: options.cause }),
		});
		this.failure = options.failure;
		this.exit = options.exit ?? null;
		this.argv = options.argv;
	}
}

/** `ended with status 1`, `was killed by SIGABRT`. */
export function describeExit(exit: ProcessExit): string {
	return exit.signal === null ? `ended with status ${exit.status}` : `was killed by ${exit.signal}`;
}
