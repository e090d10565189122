import { stableIdsOf } from '../../compare/index.ts';
import type { CellStatus } from '../../run/index.ts';
import { hasStore, type StoreOptions, withStore } from './store.ts';

/** A run in the history. */
export interface PastRun {
	readonly id: string;
	/** Milliseconds since 1970. */
	readonly started: number;
	/** The absolute path of its folder when it was recorded; it may be gone. */
	readonly folder: string;
	readonly vpmu: string;
	/** The machine that ran it; empty if unknown. */
	readonly machine: string;
	/** The commit of what was under test, by the run's label `commit`; `null` if it had none. */
	readonly revision: string | null;
}

/** A cell's result in one run. */
export interface PastCell {
	readonly run: PastRun;
	/** The same for each build of QEMU, as {@link stableIdsOf} makes it; if a run has several builds, each keeps its path. */
	readonly id: string;
	/** Its id in the run, whose files and pages have that name. */
	readonly cell: string;
	readonly case: string;
	/** The host: `board:uniform`, `local`, `ssh://HOST`; empty if it did not reach one. */
	readonly place: string;
	readonly status: CellStatus;
	readonly reason: string | null;
	/** An earlier attempt in the same run went wrong. */
	readonly flaky: boolean;
	readonly totalMs: number | null;
	/** From the start of QEMU until the guest's shell answered. */
	readonly bootMs: number | null;
	readonly qemu: string | null;
	readonly guestKernel: string | null;
	readonly hostKernel: string | null;
}

/** The most results that are read: the latest ones, which is three years of nights with 134 cells. */
const mostRows = 150_000;

const query = `
SELECT runs.id AS run, started, folder, vpmu, machine, revision, cells.cell, name, place, status, reason, flaky,
	total_ms, boot_ms, qemu, guest_kernel, host_kernel
FROM cells JOIN runs ON runs.id = cells.run
WHERE runs.id NOT IN (SELECT part FROM parts) AND (? IS NULL OR name = ? OR name = ?)
ORDER BY started DESC, runs.id DESC, cell
LIMIT ${mostRows}
`;

/**
 * Reads results, oldest first; runs that were merged into another one are left out.
 *
 * @param name a case, or a cell by either of its ids; all if absent
 * @throws VpmuError if the store cannot be used
 */
export function readHistory(options: StoreOptions, name?: string): PastCell[] {
	if (!hasStore(options.folder)) return [];
	const asked = name ?? null;
	const rows = withStore(options, database =>
		database.prepare(query).all(asked, asked, asked?.replace(/\[.*$/s, '') ?? null),
	);
	const runs = new Map<string, PastRun>();
	const runOf = (row: (typeof rows)[number]): PastRun => {
		const id = String(row.run);
		const run = runs.get(id) ?? {
			...{ id, started: Number(row.started), folder: String(row.folder) },
			...{ vpmu: String(row.vpmu), machine: String(row.machine), revision: text(row.revision) },
		};
		runs.set(id, run);
		return run;
	};
	const ids = idsOf(rows.reverse());
	const results = rows.map((row, at) => ({
		...{ run: runOf(row), id: ids[at]!, cell: String(row.cell), case: String(row.name), place: String(row.place) },
		...{ status: row.status as CellStatus, reason: text(row.reason), flaky: row.flaky === 1 },
		...{ totalMs: row.total_ms as number | null, bootMs: row.boot_ms as number | null },
		...{ qemu: text(row.qemu), guestKernel: text(row.guest_kernel), hostKernel: text(row.host_kernel) },
	}));
	if (name === undefined || results.some(one => one.case === name)) return results;
	const wanted = new Set(results.filter(({ id, cell }) => id === name || cell === name).map(({ id }) => id));
	return results.filter(({ id }) => wanted.has(id));
}

/** Rows keep the ids that runs gave them, so that any version of vpmu can share the store. */
function idsOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
	const runs = Map.groupBy(rows, ({ run }) => run);
	const names = new Map([...runs].map(([run, own]) => [run, stableIdsOf(own.map(({ cell }) => String(cell)))]));
	return rows.map(({ run, cell }) => names.get(run)!.get(String(cell))!);
}

const text = (value: unknown) => (value === null ? null : String(value));
