import type { CellResult, CellStatus, Results } from '../../run/results.ts';

/** LAVA's name for each status: an infrastructure error is neither a pass nor a fail. */
const resultOf: Record<CellStatus, 'pass' | 'fail' | 'skip' | 'unknown'> = {
	...{ pass: 'pass', xfail: 'pass', fail: 'fail', xpass: 'fail', skip: 'skip', error: 'unknown' },
};

/**
 * Renders a run as LAVA signals for a job's steps to print, one test case per cell. The reason of a cell that did not
 * pass precedes it. Names cannot have blanks or `>`, which end a name or a signal.
 */
export function lavaOf({ cells }: Results): string {
	return cells
		.flatMap(cell => [...reason(cell), signal(cell)])
		.map(line => `${line}\n`)
		.join('');
}

function signal({ id, status, timings }: CellResult): string {
	const seconds = timings.totalMs === null ? '' : ` UNITS=seconds MEASUREMENT=${(timings.totalMs / 1000).toFixed(3)}`;
	return `<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=${nameOf(id)} RESULT=${resultOf[status]}${seconds}>`;
}

/** A cell's text may come from guests, and must not begin a signal. */
function reason({ id, status, blame, reason: why }: CellResult): string[] {
	if (status === 'pass' || why === null) return [];
	const text = why.replaceAll(/\s+/g, ' ').replaceAll('<', '(');
	return [`vpmu: ${status}${blame === null ? '' : ` (${blame})`} ${nameOf(id)}: ${text}`];
}

const nameOf = (id: string) => id.replaceAll(/[^\x21-\x7e]|[<>"'\\]/g, '_');
