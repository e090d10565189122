import type { CellResult, CellStatus, Results } from '../../src/run/index.ts';

/** How one cell changed from one run to the next. */
export interface CellChange {
	readonly id: string;
	readonly kind: 'regression' | 'improvement' | 'change' | 'only-before' | 'only-after';
	readonly before: CellStatus | null;
	readonly after: CellStatus | null;
	/** The differences, in words. */
	readonly what: string;
}

export interface RunComparison {
	readonly changes: readonly CellChange[];
	readonly same: number;
	readonly regressions: number;
}

/** From best to worst; a skip is neither. */
const rank: Record<Exclude<CellStatus, 'skip'>, number> = { pass: 0, xfail: 1, xpass: 2, error: 3, fail: 3 };

/**
 * Compares two runs cell by cell, matched by id. If each run had a single QEMU, ids are compared without it, so that
 * two builds can be compared.
 */
export function compareRuns(before: Results, after: Results): RunComparison {
	const only = (results: Results) => new Set(results.cells.map(cell => cell.qemu.path)).size === 1;
	const keyOf =
		only(before) && only(after)
			? (cell: CellResult) => cell.id.replace(`,${cell.qemu.path},`, ',')
			: (cell: CellResult) => cell.id;
	const was = new Map(before.cells.map(cell => [keyOf(cell), cell]));
	const is = new Map(after.cells.map(cell => [keyOf(cell), cell]));
	const changes: CellChange[] = [];
	let same = 0;
	for (const [id, now] of is) {
		const then = was.get(id);
		if (then === undefined) {
			changes.push({ id, kind: 'only-after', before: null, after: now.status, what: 'not in the run before' });
			continue;
		}
		const change = changeOf(id, then, now);
		if (change === undefined) same++;
		else changes.push(change);
	}
	for (const [id, then] of was) {
		if (!is.has(id))
			changes.push({ id, kind: 'only-before', before: then.status, after: null, what: 'not in the run after' });
	}
	return { changes, same, regressions: changes.filter(change => change.kind === 'regression').length };
}

function changeOf(id: string, then: CellResult, now: CellResult): CellChange | undefined {
	const base = { id, before: then.status, after: now.status };
	const backends = [backendOf(then), backendOf(now)] as const;
	if (then.status !== now.status) {
		const what = `${then.status} became ${now.status}${now.reason === null ? '' : `: ${now.reason}`}`;
		if (now.status === 'skip' || then.status === 'skip') return { ...base, kind: 'change', what };
		return { ...base, kind: rank[now.status] > rank[then.status] ? 'regression' : 'improvement', what };
	}
	if (backends[0] !== backends[1])
		return { ...base, kind: 'change', what: `backend ${backends[0]} became ${backends[1]}` };
	return undefined;
}

function backendOf({ observed }: CellResult): string {
	if (observed === null) return 'unknown';
	// A host assigns event source types at each boot: only the name stays.
	return observed.name === undefined ? observed.backend : `${observed.backend} ${observed.name}`;
}
