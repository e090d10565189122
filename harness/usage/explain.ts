import { firstCause, LockBusyError, systemFault, VpmuError } from '../../src/lib/index.ts';
import type { CommandContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** Prints an error on standard error, and returns its exit status. */
export function explain(thrown: unknown, { stderr, env }: Pick<CommandContext, 'stderr' | 'env'>): number {
	const first = firstCause(thrown);
	const error = systemFault(first) ?? first;
	if (error instanceof VpmuError) {
		stderr.write(`vpmu: ${error.message}\n`);
		for (const line of error.evidence.slice(-12)) stderr.write(`  | ${line}\n`);
		if (error.blame !== 'user' && env.VPMU_DEBUG) stderr.write(`${error.stack}\n`);
		if (error.blame === 'user') return exitCodes.usage;
		return error instanceof LockBusyError ? exitCodes.lockBusy : exitCodes.infrastructure;
	}
	// An unknown error is a defect of the harness, so its stack is the evidence.
	stderr.write(
		`vpmu: a defect of vpmu itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
	);
	return exitCodes.infrastructure;
}
