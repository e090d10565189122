import type { DatabaseSync } from 'node:sqlite';
import { shorten, UsageError } from '../../lib/index.ts';
import type { CellResult, Results } from '../../run/index.ts';
import { transaction } from './sqlite.ts';
import { type StoreOptions, withStore } from './store.ts';

/** Results may come from anybody; no text of theirs is kept beyond this. */
const mostCharacters = 2000;
const mostCells = 100_000;
/** A clock may be wrong by this much. */
const dayMs = 86_400_000;

/**
 * Adds runs to the store, each in a transaction of its own. Returns the ids of those that it did not have: a run that
 * it has stays as it is.
 *
 * @param runs results with the absolute path of their folder
 * @throws UsageError for results that no run of vpmu has; VpmuError if the store cannot be used
 */
export function recordRuns(
	options: StoreOptions,
	runs: readonly { readonly results: Results; readonly folder: string }[],
): string[] {
	for (const { results, folder } of runs) check(results, folder);
	return withStore(options, database =>
		runs.filter(({ results, folder }) => insert(database, results, folder)).map(({ results }) => results.run.id),
	);
}

function check({ run, cells }: Results, folder: string): void {
	if (run.id === '' || run.id.length > 200) {
		throw new UsageError(`the run '${folder}' has the id '${shorten(run.id, 60)}'; allowed: 1 to 200 characters`);
	}
	const started = Date.parse(run.startedAt);
	if (started < 0 || started > Date.now() + dayMs) {
		throw new UsageError(`the run '${folder}' started at ${shorten(run.startedAt, 60)}; allowed: 1970 until now`);
	}
	if (cells.length > mostCells) {
		throw new UsageError(`the run '${folder}' has ${cells.length} cells; allowed: ${mostCells}`);
	}
	const long = cells.find(cell => cell.id.length > mostCharacters);
	if (long !== undefined) {
		throw new UsageError(
			`the run '${folder}' has a cell '${shorten(long.id, 60)}'; allowed: ${mostCharacters} characters`,
		);
	}
}

function insert(database: DatabaseSync, { run, cells }: Results, folder: string): boolean {
	return transaction(database, () => {
		const { changes } = database
			.prepare('INSERT OR IGNORE INTO runs (id, started, folder, vpmu, machine, revision) VALUES (?, ?, ?, ?, ?, ?)')
			.run(
				...[run.id, Date.parse(run.startedAt), folder, cut(run.vpmu), cut(run.runner?.host ?? '')],
				orNull(revisionOf(run)),
			);
		if (Number(changes) === 0) return false;
		const part = database.prepare('INSERT OR IGNORE INTO parts (whole, part) VALUES (?, ?)');
		for (const { id } of (run.parts ?? []).slice(0, mostCells)) part.run(run.id, cut(id));
		const cell = database.prepare('INSERT OR IGNORE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
		for (const one of cells) cell.run(run.id, ...columnsOf(one));
		return true;
	});
}

function columnsOf(cell: CellResult) {
	const { id, on, timings, kernels, qemu } = cell;
	return [
		...[id, cut(cell.case), cut(on.host ?? ''), cell.status, orNull(cell.reason), cell.flaky === true ? 1 : 0],
		...[timings.totalMs, timings.shellMs, orNull(qemu.version)],
		...[orNull(kernels?.guest.release), orNull(kernels?.board ?? on.kernel)],
	];
}

/** The commit of what was under test, as the user labelled the run, or all its parts alike. */
function revisionOf({ labels, parts = [] }: Results['run']): string | undefined {
	if (labels !== undefined || parts.length === 0) return labels?.commit;
	const commits = new Set(parts.map(part => part.labels?.commit));
	return commits.size === 1 ? [...commits][0] : undefined;
}

const cut = (text: string) => shorten(text, mostCharacters);
const orNull = (text: string | null | undefined) => (text === null || text === undefined ? null : cut(text));
