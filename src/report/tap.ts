import { stableIdsOf } from '../compare/index.ts';
import { visible } from '../lib/text/foreign.ts';
import { cellFolder } from '../run/paths.ts';
import type { CellResult, Results } from '../run/results.ts';
import { explanationOf, isWrong, partsOf, reasonOf } from './explain/explanation.ts';
import { explanationLines } from './explain/text.ts';
import { observedOf, shownStatus, viewOf } from './words.ts';

/**
 * Renders a run as TAP version 14: a test point per cell, with a YAML diagnostic if there is something to say. Known
 * defects are TODO tests. A known defect that no longer shows fails, until its case is changed. A cell that an interrupt took
 * fails too.
 *
 * @param folder the run folder as the reader can name it
 */
export function tapOf(results: Results, folder = 'RUN'): string {
	const lines = ['TAP version 14', `1..${results.cells.length}`];
	const names = stableIdsOf(results.cells.map(({ id }) => id));
	results.cells.forEach((cell, index) => {
		const status = shownStatus(cell);
		const good = status === 'pass' || status === 'skip';
		lines.push(`${good ? 'ok' : 'not ok'} ${index + 1} - ${description(names.get(cell.id)!)}${directive(cell)}`);
		if (!good) lines.push(...diagnostic(cell, folder));
	});
	return `${lines.join('\n')}\n`;
}

function directive(cell: CellResult): string {
	const { reason } = cell;
	const status = shownStatus(cell);
	if (status === 'skip') return ` # SKIP ${oneLine(reason)}`;
	return status === 'xfail' ? ` # TODO ${oneLine(reason)}` : '';
}

/** A YAML block: JSON strings are YAML. `message`, `severity`, `wanted` and `found` have a meaning for readers of TAP 14. */
function diagnostic(cell: CellResult, folder: string): string[] {
	const { id, blame, predicted, observed, timings, artifacts, disagreements: [first] = [] } = cell;
	const status = shownStatus(cell);
	const explained = isWrong(cell) ? explanationLines(explanationOf(cell, folder), { summary: false }) : null;
	const entries = {
		message: oneLine(reasonOf(cell) || null),
		severity: status === 'xfail' ? 'todo' : status === 'error' || status === 'interrupted' ? 'error' : 'fail',
		...{ status, blame, duration_ms: timings.totalMs },
		wanted: first?.expected ?? (predicted === null ? null : viewOf(predicted)),
		found: (first === undefined ? undefined : partsOf(first.seen)[0]) ?? (observed === null ? null : observedOf(cell)),
		artifacts: Object.keys(artifacts).length === 0 ? null : cellFolder(id),
	};
	const known = Object.entries(entries).filter(([, value]) => value !== null);
	const explanation = explained === null ? [] : ['  explanation:', ...explained.map(line => `    - ${quoted(line)}`)];
	return ['  ---', ...known.map(([name, value]) => `  ${name}: ${quoted(value)}`), ...explanation, '  ...'];
}

const quoted = (value: unknown) => visible(JSON.stringify(value));

/** `#` begins a directive and `\` escapes it (TAP specification, "Escaping"). */
const description = (text: string) => oneLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');

function oneLine(text: string | null): string {
	return (text ?? 'no reason given').replaceAll(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim();
}
