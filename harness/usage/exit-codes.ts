import type { CellResult } from '../../src/run/index.ts';

/** The exit statuses of every command (README, "Exit status"). 69 and 75 are EX_UNAVAILABLE and EX_TEMPFAIL of sysexits.h. */
export const exitCodes = {
	asPredicted: 0,
	failed: 1,
	usage: 2,
	infrastructure: 69,
	lockBusy: 75,
	interrupted: 130,
} as const;

/**
 * How `git bisect run` reads an exit status (git-bisect(1)): 1 to 127 means bad, except 125, which means untestable;
 * 128 and above end the bisection.
 */
export const bisectCodes = { untestable: 125, abort: 128 } as const;

/** Converts the exit status of `run` for `run --bisect`: only a failure of the thing under test makes a commit bad. */
export function bisectCode(code: number): number {
	return code === exitCodes.infrastructure || code === exitCodes.lockBusy ? bisectCodes.untestable : code;
}

/**
 * Computes the exit status of a run from its cells: failures outrank infrastructure errors; a run in which nothing ran
 * is not success.
 */
export function exitCodeOfCells(cells: readonly CellResult[]): number {
	const count = (...statuses: string[]) => cells.filter(cell => statuses.includes(cell.status)).length;
	if (count('fail', 'xpass') > 0) return exitCodes.failed;
	if (count('error') > 0) return exitCodes.infrastructure;
	return count('pass', 'xfail') > 0 ? exitCodes.asPredicted : exitCodes.infrastructure;
}
