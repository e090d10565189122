import { formatDuration } from '../lib/deadline.ts';
import type { Results } from '../run/results.ts';
import { notesOf } from './notes.ts';
import { countsOf, viewOf } from './words.ts';

/** Renders a run for a pull request or a mail: failures first, then every cell. Uses GitHub's tables. */
export function markdownOf(results: Results): string {
	const { run, cells, summary } = results;
	const counted = Object.entries(summary).filter(([, number]) => number > 0);
	const wrong = cells.filter(cell => ['fail', 'xpass', 'error'].includes(cell.status));
	const notes = notesOf(results);
	return [
		`# vpmu run ${text(run.id)}`,
		'',
		`${counted.map(([status, number]) => `${number} ${status}`).join(', ') || 'no cell'} in ${formatDuration(run.durationMs)}, started ${text(run.startedAt)}`,
		'',
		`    ${run.argv.join(' ').replaceAll(/\s+/g, ' ')}`,
		'',
		...(wrong.length === 0 ? [] : ['## What went wrong', '']),
		...wrong.map(
			({ id, status, blame, reason }) =>
				`- **${status}** ${code(id)}${blame === null ? '' : ` (${blame})`}: ${text(reason ?? '')}`,
		),
		...(wrong.length === 0 ? [] : ['']),
		...(notes.length === 0 ? [] : ['## Notes', '', ...notes.map(note => `- ${text(note.text)}`), '']),
		'## Cells',
		'',
		'| status | cell | QEMU | predicted | observed | counts | time |',
		'| --- | --- | --- | --- | --- | --- | --- |',
		...cells.map(cell =>
			[
				'',
				cell.status,
				code(cell.id),
				text(cell.qemu.version ?? ''),
				text(viewOf(cell.predicted)),
				text(viewOf(cell.observed)),
				text(countsOf(cell)),
				cell.timings.totalMs === null ? '' : formatDuration(cell.timings.totalMs),
				'',
			]
				.join(' | ')
				.trim(),
		),
		'',
	].join('\n');
}

/** Escapes text that Markdown or HTML would interpret. */
function text(value: string): string {
	return value
		.replaceAll(/\s+/g, ' ')
		.replaceAll(/[\\`*_[\]<>|~]/g, '\\$&')
		.replaceAll('&', '&amp;');
}

/** Formats inline code. In a table, `|` ends the column even inside code, unless it is escaped. */
function code(value: string): string {
	const longest = (value.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
	const fence = '`'.repeat(longest + 1);
	const pad = longest > 0 ? ' ' : '';
	return `${fence}${pad}${value.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')}${pad}${fence}`;
}
