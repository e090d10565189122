import { stableIdsOf } from '../../compare/index.ts';
import type { CellResult, Results } from '../../run/results.ts';
import { explanationOf, isWrong, reasonOf } from '../explain/explanation.ts';
import { explanationLines } from '../explain/text.ts';
import { shownStatus } from '../words.ts';

/** LAVA's name for each status: an infrastructure error or an interrupt is neither a pass nor a fail. */
const resultOf: Record<ReturnType<typeof shownStatus>, 'pass' | 'fail' | 'skip' | 'unknown'> = {
	...{ pass: 'pass', xfail: 'pass', fail: 'fail', xpass: 'fail', skip: 'skip' },
	...{ error: 'unknown', interrupted: 'unknown' },
};

/**
 * Renders a run as LAVA signals for a job's steps to print, one test case per cell. The reason of a cell that did not
 * pass, and the explanation of one that went wrong, precede it. Names cannot have blanks or `>`, which end a name or a
 * signal.
 *
 * @param folder the run folder as the reader can name it
 */
export function lavaOf({ cells }: Results, folder = 'RUN'): string {
	const names = stableIdsOf(cells.map(({ id }) => id));
	return cells
		.flatMap(cell => [...reason(cell, names.get(cell.id)!, folder), signal(cell, names.get(cell.id)!)])
		.map(line => `${line}\n`)
		.join('');
}

function signal(cell: CellResult, id: string): string {
	const { timings } = cell;
	const seconds = timings.totalMs === null ? '' : ` UNITS=seconds MEASUREMENT=${(timings.totalMs / 1000).toFixed(3)}`;
	return `<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=${nameOf(id)} RESULT=${resultOf[shownStatus(cell)]}${seconds}>`;
}

/** A cell's text may come from guests, and must not begin a signal. */
function reason(cell: CellResult, id: string, folder: string): string[] {
	const { status, blame } = cell;
	if (status === 'pass' || cell.reason === null) return [];
	const told = isWrong(cell) ? explanationLines(explanationOf(cell, folder), { summary: false }) : [];
	return [
		`vpmu: ${shownStatus(cell)}${blame === null ? '' : ` (${blame})`} ${nameOf(id)}: ${reasonOf(cell).replaceAll(/\s+/g, ' ')}`,
		...told.map(line => `vpmu:   ${line}`),
	].map(line => line.replaceAll('<', '('));
}

const nameOf = (id: string) => id.replaceAll(/[^\x21-\x7e]|[<>"'\\]/g, '_');
