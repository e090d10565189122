import { type CellResult, cellStatuses } from '../../../run/results.ts';
import { axesOf } from '../../words.ts';
import { type Markup, markup } from '../markup.ts';
import { cellAddress, signs } from './links.ts';

const hostOf = ({ on }: CellResult) => on.topology ?? on.host ?? '?';
const qemuOf = (cell: CellResult) =>
	`${cell.qemu.version ?? (axesOf(cell).qemu || cell.qemu.path || '?')}${cell.qemu.hasPmuChoice === true ? '+choice' : ''}`;

/** The attributes that a cell is filtered by; the page's script reads the same ones. */
const axes = { on: hostOf, machine: ({ machine }: CellResult) => machine, qemu: qemuOf } as const;
const axisNames: Readonly<Record<keyof typeof axes, string>> = {
	...{ on: 'topology', machine: 'machine type', qemu: 'QEMU' },
};

const distinct = (values: readonly string[]) =>
	[...new Set(values)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

/** Renders the form that filters the matrix and the table. Its state is in the page's address. */
export function filters(cells: readonly CellResult[]): Markup {
	const statuses = cellStatuses.filter(status => cells.some(cell => cell.status === status));
	const choice = (axis: keyof typeof axes) => markup`<label>${axisNames[axis]}
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

/** Renders the cells by case and topology; the page's script rearranges them by machine type or QEMU. */
export function matrix(cells: readonly CellResult[]): Markup {
	const columns = distinct(cells.map(hostOf));
	const numbered = cells.map((cell, index) => ({ cell, index }));
	const byCase = Map.groupBy(numbered, ({ cell }) => cell.case);
	return markup`<div class="scroll" tabindex="0" role="region" aria-label="matrix of cells"><table id="grid" class="matrix">
<thead><tr><th scope="col">case</th>${columns.map(name => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${[...byCase].map(
		([name, own]) =>
			markup`<tr data-case=${name}><th scope="row">${name}</th>${columns.map(
				column =>
					markup`<td>${own.filter(({ cell }) => hostOf(cell) === column).map(({ cell, index }) => chip(cell, index))}</td>`,
			)}</tr>`,
	)}</tbody></table></div>`;
}

function chip(cell: CellResult, index: number): Markup {
	const label = [cell.machine, ...axesOf(cell).axes].join(' ');
	const values = Object.fromEntries(Object.entries(axes).map(([axis, of]) => [`data-${axis}`, of(cell)]));
	return markup`<a class=${`chip ${cell.status}`} href=${cellAddress(cell)} data-cell=${index} data-id=${cell.id} data-status=${cell.status}
data-text=${`${cell.id} ${cell.reason ?? ''}`.slice(0, 600)} ...${values} title=${`${cell.status}: ${cell.id}`}><span class="sign" aria-hidden="true">${signs[cell.status]}</span><span class="hidden">${cell.status} </span>${label}</a>`;
}
