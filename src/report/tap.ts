import { visible } from '../lib/foreign.ts';
import { cellFolder } from '../run/paths.ts';
import type { CellResult, Results } from '../run/results.ts';
import { observedOf, viewOf } from './words.ts';

/**
 * Renders a run as TAP version 14: a test point per cell, with a YAML diagnostic if there is something to say. Known
 * defects are TODO tests. A known defect that no longer shows fails, until its case is changed.
 */
export function tapOf(results: Results): string {
	const lines = ['TAP version 14', `1..${results.cells.length}`];
	results.cells.forEach((cell, index) => {
		const good = cell.status === 'pass' || cell.status === 'skip';
		lines.push(`${good ? 'ok' : 'not ok'} ${index + 1} - ${description(cell.id)}${directive(cell)}`);
		if (!good) lines.push(...diagnostic(cell));
	});
	return `${lines.join('\n')}\n`;
}

function directive({ status, reason }: CellResult): string {
	if (status === 'skip') return ` # SKIP ${oneLine(reason)}`;
	return status === 'xfail' ? ` # TODO ${oneLine(reason)}` : '';
}

/** A YAML block: JSON strings are YAML. `message`, `severity`, `wanted` and `found` have a meaning for readers of TAP 14. */
function diagnostic(cell: CellResult): string[] {
	const { id, status, blame, reason, predicted, observed, timings, artifacts } = cell;
	const entries = {
		message: oneLine(reason),
		severity: status === 'xfail' ? 'todo' : status === 'error' ? 'error' : 'fail',
		...{ status, blame, duration_ms: timings.totalMs },
		wanted: predicted === null ? null : viewOf(predicted),
		found: observed === null ? null : observedOf(cell),
		artifacts: Object.keys(artifacts).length === 0 ? null : cellFolder(id),
	};
	const known = Object.entries(entries).filter(([, value]) => value !== null);
	return ['  ---', ...known.map(([name, value]) => `  ${name}: ${visible(JSON.stringify(value))}`), '  ...'];
}

/** `#` begins a directive and `\` escapes it (TAP specification, "Escaping"). */
const description = (text: string) => oneLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');

function oneLine(text: string | null): string {
	return (text ?? 'no reason given').replaceAll(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim();
}
