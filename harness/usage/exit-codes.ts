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
 * What `git bisect run` makes of an exit status (git-bisect(1)): 1 to 127 is a bad commit, except 125, which cannot be
 * tested; from 128 on the bisection ends.
 */
export const bisectCodes = { untestable: 125, abort: 128 } as const;

/** The exit status of `run --bisect` for that of `run`: only a failure of what is under test makes a commit bad. */
export function bisectCode(code: number): number {
	return code === exitCodes.infrastructure || code === exitCodes.lockBusy ? bisectCodes.untestable : code;
}

/** The exit status of a run by its cells: failures outrank infrastructure errors; a run in which nothing ran is not success. */
export function exitCodeOfCells(cells: readonly CellResult[]): number {
	const count = (...statuses: string[]) => cells.filter(cell => statuses.includes(cell.status)).length;
	if (count('fail', 'xpass') > 0) return exitCodes.failed;
	if (count('error') > 0) return exitCodes.infrastructure;
	return count('pass', 'xfail') > 0 ? exitCodes.asPredicted : exitCodes.infrastructure;
}
