import { interrupted } from '../run/fold.ts';
import type { CellResult, Results } from '../run/results.ts';

/** What a reader of a run should not overlook, though its summary does not show it. */
export interface RunNote {
	readonly kind: 'cell' | 'flaky' | 'quarantine' | 'skipped-everywhere' | 'interrupted';
	readonly text: string;
}

/**
 * Cells that passed only when they were tried again, cells on the quarantine list that pass or whose day has passed,
 * what cells themselves note, cells that were skipped on every host of the run, so that nobody knows what they would have shown, and how many were
 * not asked because the run was interrupted. Pure.
 */
export function notesOf({ cells }: Pick<Results, 'cells'>): RunNote[] {
	const reasons: readonly (string | null)[] = Object.values(interrupted);
	const asked = cells.filter(cell => !reasons.includes(cell.reason));
	return [
		...cells
			.filter(cell => cell.flaky === true)
			.map(({ id, reason }): RunNote => ({ kind: 'flaky', text: `${id}: ${reason}` })),
		...cells.flatMap(quarantineNote),
		...cellNotes(cells),
		...skippedEverywhere(asked),
		...interruptedNote(cells.length - asked.length),
	];
}

function quarantineNote({ id, status, quarantine }: CellResult): RunNote[] {
	if (quarantine === undefined) return [];
	const { until, reason, expired } = quarantine;
	if (expired) {
		return [{ kind: 'quarantine', text: `${id}: its quarantine ended on ${until} (${reason}); it is ${status} now` }];
	}
	return status === 'pass'
		? [{ kind: 'quarantine', text: `${id} passes, and is in quarantine until ${until} (${reason})` }]
		: [];
}

function interruptedNote(count: number): RunNote[] {
	if (count === 0) return [];
	return [{ kind: 'interrupted', text: `${count} ${count === 1 ? 'cell has' : 'cells have'} no verdict: interrupted` }];
}

/** Cells that differ in nothing but their host are one question; those of it that ran nowhere are told, by case. */
function skippedEverywhere(cells: readonly CellResult[]): RunNote[] {
	const questions = Map.groupBy(cells, cell => cell.id.replace(/\[[^,\]]*/, '['));
	const unanswered = [...questions.values()].filter(same => same.every(cell => cell.status === 'skip'));
	const byCase = Map.groupBy(unanswered.flat(), cell => cell.case);
	return [...byCase].map(([name, skipped]) => {
		const reasons = [...new Set(skipped.map(cell => cell.reason ?? 'no reason given'))];
		const all = cells.filter(cell => cell.case === name).length === skipped.length;
		const what = all ? `${name}: all of its cells` : `${name}: ${skipped.length} of its cells`;
		const more = reasons.length > 3 ? `; and ${reasons.length - 3} more reasons` : '';
		return {
			kind: 'skipped-everywhere',
			text: `${what} skipped on every host: ${reasons.slice(0, 3).join('; ')}${more}`,
		};
	});
}

/** What is noted of cells; what is the same of many, once. */
function cellNotes(cells: readonly CellResult[]): RunNote[] {
	const all = cells.flatMap(({ id, notes = [] }) => [...new Set(notes)].map(note => ({ id, note })));
	return [...Map.groupBy(all, one => one.note)].map(([note, same]) => {
		const more = same.length === 1 ? '' : ` and ${same.length - 1} more ${same.length === 2 ? 'cell' : 'cells'}`;
		return { kind: 'cell', text: `${same[0]!.id}${more}: ${note}` };
	});
}
