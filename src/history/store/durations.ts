import { median } from '../../compare/index.ts';
import { openDatabase } from './sqlite.ts';
import { hasStore, nameOf } from './store.ts';

/** The latest results of a cell that its estimate is made of. */
const latest = 5;

const query = `
SELECT cell, total_ms FROM (
	SELECT cell, total_ms, row_number() OVER (PARTITION BY cell ORDER BY started DESC) AS place
	FROM cells JOIN runs ON runs.id = cells.run
	WHERE machine = ? AND status IN ('pass', 'fail', 'xfail') AND total_ms > 0
) WHERE place <= ${latest}
`;

/**
 * Estimates how long cells take on a machine, in milliseconds by id: the median of their latest results. Empty if the
 * store cannot be read: whoever writes to it next says why.
 */
export function usualDurations(folder: string, machine: string): Record<string, number> {
	try {
		if (!hasStore(folder)) return {};
		const database = openDatabase(nameOf(folder), { readOnly: true });
		try {
			const rows = database.prepare(query).all(machine);
			const cells = Map.groupBy(rows, ({ cell }) => String(cell));
			return Object.fromEntries(
				[...cells].map(([cell, own]) => [cell, median(own.map(({ total_ms: total }) => Number(total)))]),
			);
		} finally {
			database.close();
		}
	} catch {
		return {};
	}
}
