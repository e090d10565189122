import type { CellResult, Results } from '../run/results.ts';

/**
 * Renders a run as TAP version 13: a test point per cell. Known defects are TODO. A known defect that no longer occurs fails
 * until its record is removed.
 */
export function tapOf(results: Results): string {
	const lines = ['TAP version 13', `1..${results.cells.length}`];
	results.cells.forEach((cell, index) => {
		const good = cell.status === 'pass' || cell.status === 'skip';
		lines.push(`${good ? 'ok' : 'not ok'} ${index + 1} - ${description(cell.id)}${directive(cell)}`);
		if (cell.status !== 'pass' && cell.status !== 'skip') lines.push(...diagnostics(cell));
	});
	return `${lines.join('\n')}\n`;
}

function directive({ status, reason }: CellResult): string {
	if (status === 'skip') return ` # SKIP ${oneLine(reason)}`;
	return status === 'xfail' ? ` # TODO ${oneLine(reason)}` : '';
}

/** Formats a YAML block. JSON strings are valid YAML. */
function diagnostics({ status, blame, reason, artifacts }: CellResult): string[] {
	const [folder] = Object.values(artifacts).map(file => file.replace(/\/[^/]*$/, ''));
	return [
		'  ---',
		`  status: ${status}`,
		...(blame === null ? [] : [`  blame: ${blame}`]),
		`  message: ${JSON.stringify(oneLine(reason))}`,
		...(folder === undefined ? [] : [`  artifacts: ${JSON.stringify(folder)}`]),
		'  ...',
	];
}

/** `#` begins a directive and `\` escapes it (TAP specification, "Escaping"). */
const description = (text: string) => oneLine(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');

function oneLine(text: string | null): string {
	return (text ?? 'no reason given').replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trim();
}
