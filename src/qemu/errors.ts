import type { ProcessExit } from '../host/host.ts';
import { type Blame, VpmuError } from '../lib/errors.ts';
import type { ParsedLog } from './trace.ts';

/** How a QEMU failed. */
export type QemuFailure =
	/** The program does not exist on the host. */
	| 'missing'
	/** The file exists, but is not executable or not a program. */
	| 'not-executable'
	/** The program is for another architecture than the host's. */
	| 'wrong-architecture'
	/** The loader, a shared library or a module is missing on the host, or has the wrong version. */
	| 'missing-library'
	/** It ended with an exit status. */
	| 'exited'
	/** A signal ended it. */
	| 'killed'
	/** The connection to its host is lost. */
	| 'host-lost'
	/** It runs, but did not answer on QMP. */
	| 'no-qmp'
	/** It runs, but a vCPU makes no progress. */
	| 'stuck'
	/** It runs, but has stopped its machine. */
	| 'stopped';

/** A QEMU could not be started, died, or hangs. `evidence` ends with the last lines of its stderr. */
export class QemuError extends VpmuError {
	override readonly name = 'QemuError';
	readonly failure: QemuFailure;
	/** How it ended; `null` if it runs or never ran. */
	readonly exit: ProcessExit | null;
	readonly argv: readonly string[];
	/** Its log (trace events) up to the failed start; `null` if the log could not be read. */
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

/** Describes an exit: `ended with status 1`, `was killed by SIGABRT`. */
export function describeExit(exit: ProcessExit): string {
	return exit.signal === null ? `ended with status ${exit.status}` : `was killed by ${exit.signal}`;
}
