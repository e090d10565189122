import * as v from 'valibot';
import { checkJson } from '../../../lib/files/stored.ts';
import { counted } from '../../../lib/text/counted.ts';
import { shorten } from '../../../lib/text/foreign.ts';
import { cellFolder } from '../../../run/paths.ts';
import type { CellResult, KernelLog } from '../../../run/results.ts';
import { type Markup, markup } from '../markup.ts';

/** Reads the beginning and the end of a file in the run folder; `undefined` if it does not exist. */
export type ArtifactReader = (file: string) => string | undefined;

/** Files of a cell's folder that its page shows, with descriptions. */
const shown = [
	['console.log', 'console'],
	['trace.log', 'trace'],
	['guest-kernel.log', "guest's kernel log"],
	['host-kernel.log', "host's kernel log"],
	['qemu.stderr', "QEMU's stderr"],
	['perf.txt', 'output of perf'],
	['triage.txt', 'triage'],
] as const;

/** Lines of a log on the page: the first and the last ones. */
const mostLines = { head: 300, tail: 1200 } as const;
const longestLine = 1000;

/** Renders the cell's files, each with a search; kernel reports first. */
export function logsOf(cell: CellResult, read: ArtifactReader | undefined): Markup {
	const texts = shown.flatMap(([name, what]) => {
		const text = read?.(`${cellFolder(cell.id)}/${name}`);
		return text === undefined || text.trim() === '' ? [] : [{ name, what, text }];
	});
	const qmp = read?.(`${cellFolder(cell.id)}/qmp.ndjson`);
	const { logs } = cell;
	return markup`${kernel("guest's kernel", logs?.guest)}${kernel("host's kernel", logs?.host)}
${(texts.length > 0 || qmp !== undefined) && markup`<h3>Logs</h3>`}
${texts.map(({ name, what, text }) => log(name, what, text))}
${qmp !== undefined && transcript(qmp)}`;
}

function kernel(whose: string, log: KernelLog | null | undefined): Markup {
	if (log === null || log === undefined || log.reports.length + log.known.length === 0) return null;
	return markup`<h3>What the ${whose} reported</h3>
${log.reports.slice(0, 20).map(
	({ name, lines }) =>
		markup`<h4>${name}</h4><pre tabindex="0" aria-label=${name}>${lines
			.slice(0, 60)
			.map(line => shorten(line, longestLine))
			.join('\n')}</pre>`,
)}
${log.known.length > 0 && markup`<ul>${log.known.slice(0, 50).map(({ line, reason }) => markup`<li><code>${shorten(line, longestLine)}</code>: known, ${reason}</li>`)}</ul>`}`;
}

/** A text with line numbers and a search. */
function log(name: string, what: string, text: string): Markup {
	const lines = text.replaceAll('\r', '').replace(/\n$/, '').split('\n');
	const { head, tail } = mostLines;
	const cut = lines.length > head + tail;
	const first = cut ? lines.slice(0, head) : lines;
	const last = cut ? lines.slice(-tail) : [];
	const body = [
		...first,
		...(cut ? [`[${lines.length - head - tail} lines left out; the file has them]`] : []),
		...last,
	];
	return markup`<details class="log"><summary>${what} <span class="quiet">(${name}, ${counted(lines.length, 'line')})</span></summary>
<div class="find"><label>find in ${what} <input type="search" /></label> <button type="button" data-step="1">next</button> <output aria-live="polite"></output></div>
<pre tabindex="0" aria-label=${what}>${body.map(line => shorten(line, longestLine)).join('\n')}</pre></details>`;
}

/** Parses a line of qmp.ndjson (src/qmp/wire/recording.ts). */
const record = v.looseObject({
	atMs: v.number(),
	direction: v.picklist(['sent', 'received']),
	message: v.optional(v.unknown()),
	text: v.optional(v.string()),
});

const mostMessages = 300;

/** Renders the QMP traffic in both directions, with the time since the first message. */
function transcript(ndjson: string): Markup {
	const found = ndjson.split('\n').flatMap(line => {
		const read = checkJson(line, record);
		// The message as on the wire, to the last digit.
		const said = /"(?:message|text)":(.*)\}$/.exec(line)?.[1];
		return read.state === 'ok' && said !== undefined ? [{ ...read.value, said }] : [];
	});
	if (found.length === 0) return null;
	const begin = found[0]!.atMs;
	const kept = found.length > mostMessages ? [...found.slice(0, 100), ...found.slice(100 - mostMessages)] : found;
	const lines = kept.map(({ atMs, direction, said }) => {
		const seconds = ((atMs - begin) / 1000).toFixed(3).padStart(9);
		return `${seconds} ${direction === 'sent' ? '→' : '←'} ${said}`;
	});
	return log(
		'qmp.ndjson',
		`QMP transcript${kept.length < found.length ? `, ${kept.length} of ${found.length} messages` : ''}`,
		lines.join('\n'),
	);
}
