import type { PlannedCell } from '../../run/events.ts';
import type { CellResult } from '../../run/results.ts';
import { axesOf } from '../words.ts';

/** The columns of the table of a run. Counts come last: nothing else has a length that only its guest knows. */
export const headings = ['', 'case', 'host', 'QEMU', 'machine', 'predicted', 'observed', 'time', 'counts'] as const;

export const columnOf = (heading: (typeof headings)[number]) => headings.indexOf(heading);

const gap = '  ';

/** No column is wider, whatever a foreign file names; longer text moves what follows in its row. */
const mostColumns = 80;

/** Counts get lines of their own if fewer columns than these are left. */
const leastCounts = 16;

/** The longest words for a backend without a number, and for one that cannot be seen. */
const [fixedOnly, invisible] = ['fixed-counters-only', 'not visible with pmu=off'];

/** Makes the widths of the columns from what is planned, since nothing is known of the results yet. */
export function widthsOfPlan(cells: readonly PlannedCell[]): number[] {
	const widest = (heading: (typeof headings)[number], values: readonly string[]) =>
		values.reduce((most, value) => Math.max(most, Math.min(mostColumns, value.length)), heading.length);
	const others = [...new Set(cells.map(({ qemu }) => qemu))];
	// Debian's do not have the PMU choice, and with it all that a backend can be but a default.
	const isDebian = others.every(qemu => qemu.startsWith('debian:'));
	// A number that the user gives an event source may be long.
	const sources = cells.map(({ pmu }) => `event-source ${/^\d{3,}$/.test(pmu ?? '') ? pmu : '10'}`);
	const hasFixed = cells.some(({ id, on }) => /,simulate=fixed/.test(id) || !/^(?:board:|local$)/.test(on));
	const predicted = widest('predicted', isDebian ? [] : [...sources, ...(hasFixed ? [fixedOnly] : [])]);
	return [
		5,
		widest(
			'case',
			cells.map(cell => cell.case),
		),
		widest(
			'host',
			cells.map(cell => cell.on.replace(/^board:/, '')),
		),
		// Room for "10.0.13+choice".
		isDebian
			? 8
			: widest('QEMU', [
					'10.0.13+choice',
					...others.slice(1).map(qemu => `10.0.13+choice ${shortName(qemu, others[0]!)}`),
				]),
		widest('machine', cells.map(machineOf)),
		predicted,
		cells.some(cell => cell.cpuPmu === false) ? Math.max(predicted, invisible.length) : predicted,
		'59 min 59 s'.length,
		0,
	];
}

/** Makes the widths of the columns from the rows themselves. */
export const widthsOf = (rows: readonly (readonly string[])[]): number[] =>
	headings.map((heading, at) =>
		at === headings.length - 1
			? 0
			: rows.reduce(
					(most, row) => Math.max(most, Math.min(mostColumns, row[at]!.length)),
					Math.max(heading.length, at === 0 ? 5 : 0),
				),
	);

/** Returns the columns of a terminal that a row takes without its counts. */
export const columnsBeforeCounts = (widths: readonly number[]): number =>
	widths.slice(0, -1).reduce((sum, width) => sum + width + gap.length, 0);

/**
 * Lays a row out. On a terminal, counts that do not fit continue on further lines, below their heading if there is room, and
 * other text is cut to its column.
 *
 * @param columns width of the terminal; `undefined` for a log, in which a row is one line
 */
export function rowLines(row: readonly string[], widths: readonly number[], columns?: number): string[] {
	const first = row.slice(0, -1).map((text, at) => {
		const width = widths[at] ?? text.length;
		return `${(columns === undefined ? text : fitted(text, width, at)).padEnd(width)}${gap}`;
	});
	const [before, counts] = [first.join(''), row.at(-1)!];
	const left = columns === undefined ? Number.POSITIVE_INFINITY : columns - before.length;
	if (counts.length <= left) return [`${before}${counts}`.trimEnd()];
	const isBelow = left >= leastCounts;
	const indent = ' '.repeat(isBelow ? before.length : 8);
	const lines = wrapped(counts, isBelow ? left : columns! - indent.length).map(text => `${indent}${text}`);
	return isBelow ? [`${before}${lines[0]!.trimStart()}`, ...lines.slice(1)] : [before.trimEnd(), ...lines];
}

/** Cuts text that no plan foretold to its column: the end of a QEMU's name tells more than its beginning. */
function fitted(text: string, width: number, at: number): string {
	if (text.length <= width) return text;
	return at === columnOf('QEMU') ? `…${text.slice(1 - width)}` : `${text.slice(0, width - 1)}…`;
}

/** Breaks counts between events, or between the counts of one. */
function wrapped(counts: string, width: number): string[] {
	const lines: string[] = [];
	for (const part of counts.split(/(?<=,) |(?= > )/)) {
		const line = lines.at(-1);
		const joined = line === undefined ? part : `${line}${part.startsWith(' ') ? '' : ' '}${part}`;
		if (line !== undefined && joined.length <= width) lines[lines.length - 1] = joined;
		else lines.push(part.trimStart());
	}
	return lines;
}

/** The machine type, and every axis that is not at its default. */
export function machineOf(cell: Pick<CellResult, 'id' | 'machine' | 'pmu'>): string {
	return [cell.machine, ...axesOf(cell).axes].join(' ');
}

/** Returns the end of a path from where it differs from another; a suite without `debian:`. */
export function shortName(qemu: string, other: string): string {
	const [own, others] = [qemu, other].map(one => one.split('/').reverse()) as [string[], string[]];
	const same = own.findIndex((part, index) => part !== others[index]);
	return own
		.slice(0, same === -1 ? undefined : same + 1)
		.reverse()
		.join('/')
		.replace(/^debian:/, '');
}
