import { stableIdsOf } from '../compare/index.ts';
import { isInterrupted } from '../run/fold.ts';
import type { CellResult, Results } from '../run/results.ts';
import { wordsOfPins } from './pins.ts';

/** A note on a run that its summary does not show. */
export interface RunNote {
	readonly kind: 'cell' | 'flaky' | 'quarantine' | 'skipped-everywhere' | 'interrupted' | 'packages';
	readonly text: string;
}

/**
 * Returns the notes of a run: the number of cells that were not run because of an interrupt, cells that passed only on a
 * retry, quarantined cells that pass or whose quarantine has expired, the cells' own notes, cells that were skipped on every
 * host, and old versions of packages. Pure.
 */
export function notesOf({ cells, run }: Pick<Results, 'cells'> & { readonly run?: Results['run'] }): RunNote[] {
	const names = stableIdsOf(cells.map(({ id }) => id));
	const nameOf = (id: string) => names.get(id)!;
	const asked = cells.filter(cell => !isInterrupted(cell));
	return [
		// Short reports leave out the last notes, and this one says that the run is not whole.
		...interruptedNote(cells.length - asked.length),
		...cells
			.filter(cell => cell.flaky === true)
			.map(({ id, reason }): RunNote => ({ kind: 'flaky', text: `${nameOf(id)}: ${reason}` })),
		...cells.flatMap(cell => quarantineNote(cell, nameOf(cell.id))),
		...cellNotes(cells, nameOf),
		...skippedEverywhere(asked),
		...packagesNote(run),
	];
}

/** Notes packages that were chosen long before the run. */
function packagesNote(run: Results['run'] | undefined): RunNote[] {
	if (run?.packages === undefined || run.packages.length === 0) return [];
	const { text, stale, remedy } = wordsOfPins(run.packages, Date.parse(run.startedAt));
	return stale ? [{ kind: 'packages', text: `${text}; ${remedy}` }] : [];
}

function quarantineNote({ status, quarantine }: CellResult, id: string): RunNote[] {
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

/** Groups cells that differ only in their host, and notes the groups that ran on no host, by case. */
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

/** Collects the notes of cells. A note that many cells share is listed once. */
function cellNotes(cells: readonly CellResult[], nameOf: (id: string) => string): RunNote[] {
	const all = cells.flatMap(({ id, notes = [] }) => [...new Set(notes)].map(note => ({ id, note })));
	return [...Map.groupBy(all, one => one.note)].map(([note, same]) => {
		const more = same.length === 1 ? '' : ` and ${same.length - 1} more ${same.length === 2 ? 'cell' : 'cells'}`;
		return { kind: 'cell', text: `${nameOf(same[0]!.id)}${more}: ${note}` };
	});
}
