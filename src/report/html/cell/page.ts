import { stringifyJson } from '../../../lib/text/json.ts';
import { formatDuration } from '../../../lib/waiting/deadline.ts';
import type { CellResult } from '../../../run/results.ts';
import { explanationOf, reasonOf } from '../../explain/explanation.ts';
import { factsOf } from '../../explain/facts.ts';
import { type Markup, markup } from '../markup.ts';
import { badge } from '../overview/links.ts';
import { explained } from './explained.ts';
import { type ArtifactReader, logsOf } from './logs.ts';
import { hostPicture } from './picture.ts';
import { movedPlots, samplePlots, slopePlots } from './plots.ts';
import { timeline } from './timeline.ts';

export type { ArtifactReader } from './logs.ts';

export interface PageOptions {
	readonly folder: string;
	readonly artifacts?: ArtifactReader;
}

/** The page of one cell. */
export function cellPage(cell: CellResult, { folder, artifacts }: PageOptions): Markup {
	const plots = [...movedPlots(cell), ...slopePlots(cell), ...samplePlots(cell)];
	return markup`<nav aria-label="cells"><a href="#" class="back">← all cells</a> <a href="#" class="step" data-step="-1">previous</a> <a href="#" class="step" data-step="1">next</a></nav>
<h1 class="hidden">one cell of the run</h1>
<h2>${badge(cell.status)} <span class="id">${cell.id}</span></h2>
${cell.reason !== null && markup`<p class="reason">${cell.blame !== null && markup`<b>${cell.blame}</b>: `}${reasonOf(cell)}</p>`}
${facts(cell)}
${explained(explanationOf(cell, folder), cell.id)}
${hostPicture(cell)}
${plots.length > 0 && markup`<h3>Counts</h3><div class="plots">${plots}</div>`}
${readings(cell)}
${timeline(cell)}
${attempts(cell)}
${logsOf(cell, artifacts)}
<h3>Raw</h3>
${layers(cell)}
<p class="files">${Object.entries(cell.artifacts).map(([name, file]) => markup`<a href=${address(file)}>${name}</a> `)}</p>`;
}

function facts(cell: CellResult): Markup {
	return markup`<dl>${factsOf(cell).map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function readings({ perf }: CellResult): Markup {
	if (perf.length === 0) return null;
	const heads = ['event', 'state', 'count', 'twice the work', 'on a counter', 'host CPUs', 'measured'];
	return markup`<div class="scroll" tabindex="0" role="region" aria-label="counts"><table><thead><tr>${heads.map(name => markup`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${perf.map(
		({
			event,
			state,
			count,
			doubled,
			runningPct,
			pinned,
			samples,
		}) => markup`<tr><th scope="row">${event}</th><td>${state}</td>
<td class="number">${count ?? ''}</td><td class="number">${doubled ?? ''}</td><td class="number">${runningPct === null ? '' : `${runningPct} %`}</td>
<td>${pinned ?? 'any'}</td><td class="number">${samples === undefined ? 'once' : `${samples.length} times`}</td></tr>`,
	)}</tbody></table></div>`;
}

function attempts({ attempts: earlier = [] }: CellResult): Markup {
	if (earlier.length === 0) return null;
	return markup`<h3>Earlier attempts</h3><ol>${earlier.map(
		({ status, reason, blame, folder, totalMs }) =>
			markup`<li>${badge(status)} ${blame ?? ''} ${reason ?? ''} ${totalMs === null ? '' : formatDuration(totalMs)} <a href=${address(folder)}>artifacts</a></li>`,
	)}</ol>`;
}

function layers({ observed }: CellResult): Markup {
	if (observed === null) return null;
	const text = stringifyJson(observed.layers, { indent: 2 });
	return markup`<details><summary>what QMP, trace and guest showed, in full</summary><pre tabindex="0" aria-label="what the layers showed">${text}</pre></details>`;
}

/** Encodes each part of a path in the run folder for a relative URL, because `#` and `?` may occur in names. */
const address = (file: string) =>
	file
		.split('/')
		.map(part => encodeURIComponent(part.toWellFormed()))
		.join('/');
