import { formatDuration } from '../lib/deadline.ts';
import { stringifyJson } from '../lib/json.ts';
import { type CellResult, type CellStatus, cellStatuses, type Results } from '../run/results.ts';
import { notesOf } from './notes.ts';
import { countsOf, viewOf } from './words.ts';

const colours: Record<CellStatus, string> = {
	pass: '#1a7f37',
	xfail: '#9a6700',
	skip: '#6e7781',
	fail: '#cf222e',
	xpass: '#cf222e',
	error: '#8250df',
};

const meanings: Record<CellStatus, string> = {
	pass: 'prediction and all observations agree',
	xfail: 'failed as a known defect says',
	skip: 'means nothing here',
	fail: 'what is under test is at fault',
	xpass: 'a known defect did not show',
	error: 'the infrastructure is at fault',
};

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code, pre { font: 13px/1.4 ui-monospace, monospace; } pre { overflow-x: auto; padding: .6rem; background: #8881; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .15rem .9rem .15rem 0; vertical-align: top; }
summary { cursor: pointer; display: flex; flex-wrap: wrap; gap: .2rem .9rem; padding: .25rem 0; border-top: 1px solid #8884; }
summary .reason { flex-basis: 100%; padding-left: 4.4rem; } details > div { padding: .2rem 0 1rem 4.4rem; }
.status { min-width: 3.5rem; font-weight: 600; } .time { margin-left: auto; opacity: .7; }
${cellStatuses.map(status => `.${status} { color: ${colours[status]}; }`).join('\n')}`;

/**
 * Renders a run as one self-contained HTML page: no scripts, no other files. Links lead to the artifacts next to it in the
 * run folder. Failures come first and are expanded.
 */
export function htmlOf(results: Results): string {
	const { run, cells, summary } = results;
	const notes = notesOf(results);
	const isWrong = ({ status }: CellResult) => status === 'fail' || status === 'xpass' || status === 'error';
	const title = `vpmu run ${run.id}`;
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${text(title)}</h1>
<p>${text(run.startedAt)}, ${formatDuration(run.durationMs)}, vpmu ${text(run.vpmu)}</p>
<pre>${text(run.argv.join(' '))}</pre>
<table>
${cellStatuses
	.filter(status => summary[status] > 0)
	.map(status => `<tr><td class="${status} status">${summary[status]} ${status}</td><td>${meanings[status]}</td></tr>`)
	.join('\n')}
</table>
${notes.length === 0 ? '' : `<h2>Notes</h2>\n<ul>\n${notes.map(note => `<li>${text(note.text)}</li>`).join('\n')}\n</ul>`}
${section('What went wrong', cells.filter(isWrong), true)}
${section(
	'Cells',
	cells.filter(cell => !isWrong(cell)),
	false,
)}
</body>
</html>
`;
}

function section(heading: string, cells: readonly CellResult[], open: boolean): string {
	return cells.length === 0 ? '' : `<h2>${heading}</h2>\n${cells.map(cell => cellOf(cell, open)).join('\n')}`;
}

function cellOf(cell: CellResult, open: boolean): string {
	const { id, status, blame, reason, qemu, timings } = cell;
	const why =
		reason === null ? '' : `<span class="reason">${blame === null ? '' : `<b>${blame}</b>: `}${text(reason)}</span>`;
	return `<details${open ? ' open' : ''}>
<summary><span class="${status} status">${status}</span> <code>${text(id)}</code> <span>${text(countsOf(cell))}</span>
<span class="time">${timings.totalMs === null ? '' : formatDuration(timings.totalMs)}</span>${why}</summary>
<div>
${facts([
	['host', `${cell.on.host ?? '?'}${cell.on.kernel === null ? '' : `, Linux ${cell.on.kernel}`}`],
	['QEMU', `${qemu.version ?? 'unknown version'} (${qemu.path ?? '?'})`],
	['predicted', cell.predicted === null ? '-' : `${backend(cell.predicted)}, by rule ${cell.predicted.rule}`],
	['observed', backend(cell.observed)],
	['simulated', cell.simulated.join(', ')],
	['in quarantine', cell.quarantine === undefined ? '' : `until ${cell.quarantine.until}: ${cell.quarantine.reason}`],
])}
${readings(cell)}${attempts(cell)}${layers(cell)}${links(cell)}
</div>
</details>`;
}

function facts(rows: readonly (readonly [string, string])[]): string {
	const shown = rows.filter(([, value]) => value !== '');
	return `<table>${shown.map(([name, value]) => `<tr><th>${name}</th><td>${text(value)}</td></tr>`).join('')}</table>`;
}

function backend(view: CellResult['observed'] | CellResult['predicted']): string {
	return `${viewOf(view)}${view?.name === undefined ? '' : ` (${view.name})`}`;
}

function readings({ perf }: CellResult): string {
	if (perf.length === 0) return '';
	const rows = perf.map(
		({ event, state, count, runningPct, pinned }) =>
			`<tr><td>${text(event)}</td><td>${state}</td><td>${count ?? ''}</td><td>${runningPct === null ? '' : `${runningPct} %`}</td><td>${text(pinned ?? 'anywhere')}</td></tr>`,
	);
	return `<table><tr><th>event</th><th>state</th><th>count</th><th>running</th><th>pinned to</th></tr>${rows.join('')}</table>\n`;
}

function attempts({ attempts: earlier = [] }: CellResult): string {
	const items = earlier.map(
		({ status, reason, blame, folder }, index) =>
			`<li>attempt ${index + 1}: <span class="${status}">${status}</span> ${blame ?? ''} ${text(reason ?? '')} (<a href="${address(folder)}">artifacts</a>)</li>`,
	);
	return items.length === 0 ? '' : `<ul>${items.join('')}</ul>\n`;
}

function layers({ observed }: CellResult): string {
	return observed === null
		? ''
		: `<details><summary>what QMP, trace and guest said</summary><pre>${text(stringifyJson(observed.layers, { indent: 2 }))}</pre></details>\n`;
}

function links({ artifacts }: CellResult): string {
	return Object.entries(artifacts)
		.map(([name, file]) => `<a href="${address(file)}">${text(name)}</a>`)
		.join(' ');
}

/** Encodes each part of a path in the run folder for a relative URL, because `#` and `?` may occur in names. */
const address = (file: string) => file.split('/').map(encodeURIComponent).join('/');

/**
 * Escapes text for HTML. HTML cannot represent control characters. Quotes are escaped so that the text may be used in an
 * attribute.
 */
function text(value: string): string {
	return value
		.replaceAll(/[^\t\n\r\u{20}-\u{7E}\u{A0}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
		.replaceAll('&', '&amp;')
		.replaceAll('<', '&lt;')
		.replaceAll('>', '&gt;')
		.replaceAll('"', '&quot;');
}
