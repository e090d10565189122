import { stableIdsOf } from '../../../compare/index.ts';
import { formatDuration } from '../../../lib/waiting/deadline.ts';
import { type CellResult, type CellStatus, cellStatuses, type Results } from '../../../run/results.ts';
import { explanationOf, isWrong } from '../../explain/explanation.ts';
import { notesOf } from '../../notes.ts';
import { countsOf, observedOf, viewOf } from '../../words.ts';
import { explained } from '../cell/explained.ts';
import { type Markup, markup } from '../markup.ts';
import { badge, cellLink } from './links.ts';
import { filters, matrix } from './matrix.ts';

const meanings: Record<CellStatus, string> = {
	pass: 'prediction and all observations agree',
	xfail: 'failed as a known defect says',
	skip: 'means nothing here',
	fail: 'what is under test is at fault',
	xpass: 'a known defect did not show',
	error: 'the infrastructure is at fault',
};

/** Number of failures that the overview explains in full; the matrix has all. */
const mostExplained = 20;

/** Renders the part of the page that does not concern a single cell. */
export function overview(results: Results, folder: string): Markup {
	const { run, cells } = results;
	const wrong = cells.map((cell, index) => ({ cell, index })).filter(({ cell }) => isWrong(cell));
	const names = stableIdsOf(cells.map(({ id }) => id));
	const notes = notesOf(results);
	return markup`<main id="overview" tabindex="-1">
<header>
<h1>vpmu run ${run.id}</h1>
<p>${run.startedAt}, ${formatDuration(run.durationMs)}, vpmu ${run.vpmu}${labels(run.labels)}</p>
<pre class="command" tabindex="0" aria-label="command of the run">${run.argv.join(' ')}</pre>
${summary(results)}
</header>
${
	wrong.length > 0 &&
	markup`<section aria-labelledby="wrong"><h2 id="wrong">What went wrong</h2>
${wrong.slice(0, mostExplained).map(({ cell, index }) => wrongCell(cell, index, { names, folder, open: wrong.length <= 3 }))}
${wrong.length > mostExplained && markup`<p>and ${wrong.length - mostExplained} more: see the matrix.</p>`}
</section>`
}
<section aria-labelledby="matrix"><h2 id="matrix">Matrix</h2>
${filters(cells)}
${matrix(cells)}
</section>
<section aria-labelledby="all"><h2 id="all">Cells</h2>${table(cells, names)}</section>
${
	notes.length > 0 &&
	markup`<section aria-labelledby="notes"><h2 id="notes">Notes</h2><ul>${notes.map(({ text }) => markup`<li>${text}</li>`)}</ul></section>`
}
<noscript><p>This page needs scripts for its filters and for the pages of cells. All artifacts are files next to it.</p></noscript>
</main>`;
}

function labels(given: Results['run']['labels'] = {}): string {
	return Object.entries(given)
		.map(([name, value]) => `, ${name}=${value}`)
		.join('');
}

function summary({ summary, cells }: Results): Markup {
	const simulated = cells.filter(cell => cell.simulated.length > 0).length;
	const boards = cells.filter(cell => cell.on.topology !== null && cell.status !== 'skip').length;
	const shown = cellStatuses.filter(status => summary[status] > 0);
	return markup`<ul class="summary">${shown.map(
		status =>
			markup`<li><a href=${`#status=${status}`} class=${`count ${status}`}>${badge(status)} <b>${summary[status]}</b></a> ${meanings[status]}</li>`,
	)}</ul>
<p class="quiet">${cells.length} cells, ${boards} of them on emulated hosts, ${simulated} with simulated capabilities.</p>`;
}

/** Maps the ids of cells to the names that are shown, as {@link stableIdsOf} does. */
type Names = ReadonlyMap<string, string>;

function wrongCell(
	cell: CellResult,
	index: number,
	{ names, folder, open }: { names: Names; folder: string; open: boolean },
): Markup {
	const explanation = explanationOf(cell, folder);
	return markup`<details class="wrong" open=${open}>
<summary>${badge(cell.status)} ${names.get(cell.id)} <span class="reason">${explanation.summary}</span></summary>
<p>${cellLink(cell, 'page of this cell', index)}</p>
${explained(explanation, cell.id)}
</details>`;
}

function table(cells: readonly CellResult[], names: Names): Markup {
	return markup`<div class="scroll" tabindex="0" role="region" aria-label="table of cells"><table class="cells">
<thead><tr>${['status', 'cell', 'predicted', 'observed', 'counts', 'time'].map(name => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${cells.map(
		(
			cell,
			index,
		) => markup`<tr data-row=${index}><td>${badge(cell.status)}</td><th scope="row">${cellLink(cell, names.get(cell.id)!, index)}</th>
<td>${viewOf(cell.predicted)}</td><td>${observedOf(cell)}</td><td>${countsOf(cell)}</td>
<td class="number">${cell.timings.totalMs === null ? '' : formatDuration(cell.timings.totalMs)}</td></tr>`,
	)}</tbody></table></div>`;
}
