import { type CellResult, cellStatuses } from '../../../run/results.ts';
import { axesOf, programName } from '../../words.ts';
import { type Markup, markup } from '../markup.ts';
import { cellAddress, signs } from './links.ts';

const hostOf = ({ on }: CellResult) => on.topology ?? on.host ?? '?';

/** The attributes that a cell is filtered by; the page's script reads the same ones. */
type Axis = 'on' | 'machine' | 'qemu';
type Axes = Readonly<Record<Axis, (cell: CellResult) => string>>;
const axisNames: Readonly<Record<Axis, string>> = { on: 'topology', machine: 'machine type', qemu: 'QEMU' };

function axesIn(cells: readonly CellResult[]): Axes {
	const given = (cell: CellResult) => axesOf(cell).qemu || cell.qemu.path || '?';
	// A cell that was skipped does not know its QEMU's version; another one with the same QEMU may.
	const versions = new Map(
		cells.flatMap(cell => {
			const { version, hasPmuChoice } = cell.qemu;
			return version === null ? [] : [[given(cell), `${version}${hasPmuChoice === true ? '+choice' : ''}`] as const];
		}),
	);
	// Builds of the same version are told apart by their folders.
	const isShared = (version: string) => [...versions.values()].filter(other => other === version).length > 1;
	const qemu = (cell: CellResult) => {
		const version = versions.get(given(cell));
		if (version === undefined) return given(cell);
		return isShared(version) ? `${version} ${programName(given(cell))}` : version;
	};
	return { on: hostOf, machine: ({ machine }) => machine, qemu };
}

const distinct = (values: readonly string[]) =>
	[...new Set(values)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

/** Renders the form that filters the matrix and the table. Its state is in the page's address. */
export function filters(cells: readonly CellResult[]): Markup {
	const statuses = cellStatuses.filter(status => cells.some(cell => cell.status === status));
	const axes = axesIn(cells);
	const choice = (axis: Axis) => markup`<label>${axisNames[axis]}
<select name=${axis}><option value="">all</option>${distinct(cells.map(axes[axis])).map(value => markup`<option value=${value}>${value}</option>`)}</select></label>`;
	return markup`<form id="filters" role="search" aria-label="filter cells">
<label>find <input type="search" name="q" placeholder="case, axis or reason" autocomplete="off" /></label>
<fieldset><legend>status</legend>${statuses.map(
		status =>
			markup`<label class=${`tick ${status}`}><input type="checkbox" name="status" value=${status} /> ${signs[status]} ${status}</label>`,
	)}</fieldset>
${choice('on')}${choice('machine')}${choice('qemu')}
<label>columns <select name="by">${Object.entries(axisNames).map(([axis, name]) => markup`<option value=${axis}>${name}</option>`)}</select></label>
<button type="reset">all cells</button>
<output name="shown" aria-live="polite">${cells.length} cells</output>
</form>`;
}

/**
 * Renders the cells by topology, with a row for each case and what else tells its cells apart. The page's script rearranges them
 * by machine type or QEMU.
 */
export function matrix(cells: readonly CellResult[]): Markup {
	const columns = distinct(cells.map(hostOf));
	const axes = axesIn(cells);
	const rowOf = rowNames(cells, axes);
	const numbered = cells.map((cell, index) => ({ cell, index, row: rowOf(cell, 'on') }));
	const byCase = Map.groupBy(numbered, ({ cell }) => cell.case);
	const chips = (row: typeof numbered, column: string) =>
		row.filter(({ cell }) => hostOf(cell) === column).map(({ cell, index }) => chip(cell, index, { axes, rowOf }));
	return markup`<div class="scroll" tabindex="0" role="region" aria-label="matrix of cells"><table id="grid" class="matrix">
<thead><tr><th scope="col">case</th>${columns.map(name => markup`<th scope="col">${name}</th>`)}</tr></thead>
${[...byCase].map(
	([name, own]) => markup`<tbody><tr><th scope="rowgroup" colspan=${columns.length + 1}>${name}</th></tr>
${[...Map.groupBy(own, ({ row }) => row)].map(
	([title, row]) =>
		markup`<tr><th scope="row">${title}</th>${columns.map(column => markup`<td>${chips(row, column)}</td>`)}</tr>`,
)}</tbody>`,
)}</table></div>`;
}

/** Returns a function that names a cell's row: everything but its case and its column. */
function rowNames(cells: readonly CellResult[], axes: Axes): (cell: CellResult, column: Axis) => string {
	const shown = (['machine', 'on', 'qemu'] as const).filter(
		axis => axis !== 'qemu' || new Set(cells.map(axes.qemu)).size > 1,
	);
	return (cell, column) =>
		[...shown.filter(axis => axis !== column).map(axis => axes[axis](cell)), ...axesOf(cell).axes].join(' ');
}

function chip(
	cell: CellResult,
	index: number,
	{ axes, rowOf }: { axes: Axes; rowOf: ReturnType<typeof rowNames> },
): Markup {
	const names = Object.keys(axes) as Axis[];
	const values = Object.fromEntries([
		...names.map(axis => [`data-${axis}`, axes[axis](cell)]),
		...names.map(axis => [`data-row-${axis}`, rowOf(cell, axis)]),
	]);
	return markup`<a class=${`chip ${cell.status}`} href=${cellAddress(cell)} data-cell=${index} data-id=${cell.id} data-status=${cell.status} data-case=${cell.case}
data-text=${`${cell.id} ${cell.reason ?? ''}`.slice(0, 600)} ...${values} title=${`${cell.status}: ${cell.id}`}><span aria-hidden="true">${signs[cell.status]}</span><span class="hidden">${cell.status} ${hostOf(cell)} ${rowOf(cell, 'on')}</span></a>`;
}
