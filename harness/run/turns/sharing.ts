import type { Cell } from '../../plan/plan.ts';
import type { Durations } from '../../plan/shards.ts';

/** What is left to do on a board: its cells, and how long they take in all (milliseconds, or cells where nothing is known). */
interface Work {
	cells: number;
	duration: number;
}

/**
 * Which boards the cells side by side are on, the first being the most urgent: each next one where most is left to do for
 * each that is there already, never more than cells (D'Hondt's method). A copy of a board takes seconds to start and to
 * warm up, so cells side by side are better on different boards. Pure.
 */
export function shareOut(cells: readonly Cell[], count: number, durations: Durations): string[] {
	const known = cells.flatMap(({ id }) => durations[id] ?? []).sort((a, b) => a - b);
	const middle = known[Math.floor(known.length / 2)] ?? 1;
	const work = new Map<string, Work>();
	for (const { id, on, skip } of cells) {
		if (skip !== null || !on.startsWith('board:')) continue;
		const sum = work.get(on) ?? { cells: 0, duration: 0 };
		work.set(on, { cells: sum.cells + 1, duration: sum.duration + (durations[id] ?? middle) });
	}
	const shares = new Map<string, number>();
	const order: string[] = [];
	while (order.length < count) {
		const open = [...work].filter(([on, { cells }]) => (shares.get(on) ?? 0) < cells);
		if (open.length === 0) break;
		const urgency = ([on, { duration }]: [string, Work]) => duration / ((shares.get(on) ?? 0) + 1);
		// The earliest of equals that has the fewest.
		open.sort((a, b) => urgency(b) - urgency(a) || (shares.get(a[0]) ?? 0) - (shares.get(b[0]) ?? 0));
		const [on] = open[0]!;
		shares.set(on, (shares.get(on) ?? 0) + 1);
		order.push(on);
	}
	return order;
}

/**
 * The order in which case files are best begun when `jobs` of their cells go side by side: cases on different boards by
 * turns, so that there is always one for each board. Cases that need no board fill the end. Pure.
 */
export function orderOfCases(cells: readonly Cell[], jobs: number, durations: Durations): string[] {
	const names = [...new Set(cells.map(cell => cell.case))].sort();
	if (jobs === 1) return names;
	const boardOf = (name: string) => {
		const ons = cells.filter(cell => cell.case === name).map(cell => cell.on);
		return ons.find(on => on.startsWith('board:'));
	};
	const waiting = Map.groupBy(names, boardOf);
	const order: string[] = [];
	const turnsOf = new Map<string, number>();
	for (const on of shareOut(cells, cells.length, durations)) {
		// By the time that this one's turn has come, so many of the board's cells have had theirs.
		const started = cells.filter(cell => cell.on === on && order.includes(cell.case)).length;
		const turns = (turnsOf.get(on) ?? 0) + 1;
		turnsOf.set(on, turns);
		if (turns > started) order.push(...(waiting.get(on)?.splice(0, 1) ?? []));
	}
	return [...order, ...[...waiting.values()].flat()];
}
