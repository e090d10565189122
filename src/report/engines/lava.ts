import type { CellResult, CellStatus, Results } from '../../run/results.ts';

/** What LAVA calls each status: an infrastructure error is neither a pass nor a fail. */
const resultOf: Record<CellStatus, 'pass' | 'fail' | 'skip' | 'unknown'> = {
	...{ pass: 'pass', xfail: 'pass', fail: 'fail', xpass: 'fail', skip: 'skip', error: 'unknown' },
};

/**
 * Renders a run as LAVA's signals, one test case for each cell, as a job's steps print them. The reason of a cell without a
 * pass stands in a line before. Names have no blank and no `>`, which end a name or a signal.
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

/** A cell's words come from guests too: none of them begins a signal. */
function reason({ id, status, blame, reason: why }: CellResult): string[] {
	if (status === 'pass' || why === null) return [];
	const text = why.replaceAll(/\s+/g, ' ').replaceAll('<', '(');
	return [`vpmu: ${status}${blame === null ? '' : ` (${blame})`} ${nameOf(id)}: ${text}`];
}

const nameOf = (id: string) => id.replaceAll(/[^\x21-\x7e]|[<>"'\\]/g, '_');
