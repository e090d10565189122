import { median, stableIdOf } from '../../compare/index.ts';
import { openDatabase } from './sqlite.ts';
import { hasStore, nameOf } from './store.ts';

/** The latest results of a cell that its estimate is made of. */
const latest = 5;

/** Each build of QEMU has ids of its own in the store. */
const mostRows = 20_000;

const query = `
SELECT cell, total_ms FROM (
	SELECT cell, total_ms, started, row_number() OVER (PARTITION BY cell ORDER BY started DESC) AS place
	FROM cells JOIN runs ON runs.id = cells.run
	WHERE machine = ? AND status IN ('pass', 'fail', 'xfail') AND total_ms > 0
) WHERE place <= ${latest} ORDER BY started DESC LIMIT ${mostRows}
`;

/**
 * Estimates how long cells take on a machine, in milliseconds by {@link stableIdOf}: the median of their latest results.
 * Empty if the store cannot be read: whoever writes to it next says why.
 */
export function usualDurations(folder: string, machine: string): Record<string, number> {
	try {
		if (!hasStore(folder)) return {};
		const database = openDatabase(nameOf(folder), { readOnly: true });
		try {
			const rows = database.prepare(query).all(machine);
			const cells = Map.groupBy(rows, ({ cell }) => stableIdOf(String(cell)));
			return Object.fromEntries(
				[...cells].map(([cell, own]) => [
					cell,
					median(own.slice(0, latest).map(({ total_ms: total }) => Number(total))),
				]),
			);
		} finally {
			database.close();
		}
	} catch {
		return {};
	}
}
