import { stableIdsOf } from '../../compare/index.ts';
import type { CellResult, Results } from '../../run/results.ts';
import { explanationOf, isWrong, reasonOf } from '../explain/explanation.ts';
import { explanationLines } from '../explain/text.ts';
import { notesOf } from '../notes.ts';

/**
 * Renders what went wrong in a run as workflow commands of GitHub Actions, which show them as annotations: an error for each
 * cell that failed, a warning for each that the infrastructure kept from a verdict, with its explanation, and one for all
 * that an interrupt took.
 *
 * @param folder the run folder as the reader can name it
 */
export function githubOf({ cells }: Results, folder = 'RUN'): string {
	const names = stableIdsOf(cells.map(({ id }) => id));
	const interrupts = notesOf({ cells }).filter(note => note.kind === 'interrupted');
	return [
		...interrupts.map(({ text }) => `::warning title=no verdict (interrupted)::${data(text)}\n`),
		...cells.flatMap(cell => annotation(cell, names.get(cell.id)!, folder)),
	].join('');
}

function annotation(cell: CellResult, id: string, folder: string): string[] {
	const { status, blame } = cell;
	if (!isWrong(cell)) return [];
	const explained = explanationLines(explanationOf(cell, folder), { summary: false, reasons: 2, pairs: 2 });
	const isError = status !== 'error';
	const title = isError ? `${status} ${id}` : `no verdict (${blame ?? 'harness'}) ${id}`;
	return [
		`::${isError ? 'error' : 'warning'} title=${property(title)}::${data([reasonOf(cell) || status, ...explained].join('\n'))}\n`,
	];
}

/** Escapes what the runner unescapes (actions/toolkit, command.ts). */
const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
