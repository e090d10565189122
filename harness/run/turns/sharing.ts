import type { Cell } from '../../plan/plan.ts';
import { type Durations, durationOf } from '../../plan/shards.ts';

/**
 * The work left on a board: its cells, and their total duration (milliseconds, or a number of cells if nothing is
 * known).
 */
interface Work {
	cells: number;
	duration: number;
}

/**
 * Distributes parallel cells over boards, most urgent first. Each next cell goes to the board with most work left per
 * cell already there, never more than it has cells (D'Hondt method). A copy of a board takes seconds to start and warm
 * up, so different boards are better for parallel cells. Pure.
 */
export function shareOut(cells: readonly Cell[], count: number, durations: Durations): string[] {
	const known = cells.flatMap(({ id }) => durationOf(durations, id) ?? []).sort((a, b) => a - b);
	const middle = known[Math.floor(known.length / 2)] ?? 1;
	const work = new Map<string, Work>();
	for (const { id, on, skip } of cells) {
		if (skip !== null || !on.startsWith('board:')) continue;
		const sum = work.get(on) ?? { cells: 0, duration: 0 };
		work.set(on, { cells: sum.cells + 1, duration: sum.duration + (durationOf(durations, id) ?? middle) });
	}
	const shares = new Map<string, number>();
	const order: string[] = [];
	while (order.length < count) {
		const open = [...work].filter(([on, { cells }]) => (shares.get(on) ?? 0) < cells);
		if (open.length === 0) break;
		const urgency = ([on, { duration }]: [string, Work]) => duration / ((shares.get(on) ?? 0) + 1);
		// Of equals with the fewest, take the earliest.
		open.sort((a, b) => urgency(b) - urgency(a) || (shares.get(a[0]) ?? 0) - (shares.get(b[0]) ?? 0));
		const [on] = open[0]!;
		shares.set(on, (shares.get(on) ?? 0) + 1);
		order.push(on);
	}
	return order;
}

/**
 * Ranks a cell on a board for {@link Slots}: 0 for an idle copy of the board; 1 for a board that has no copy yet and has to be
 * started sooner or later, or for one more copy if there is enough work for it; 3 if the board boots for its first cell, since
 * another board is better than waiting for that; else the cell waits. Pure.
 *
 * @param board.there cells that are on the board now
 * @param board.share how many of the parallel cells the board should have
 */
export function rankOfBoard(board: {
	readonly there: number;
	readonly copies: number;
	readonly isStarting: boolean;
	readonly share: () => number;
}): number {
	const { there, copies, isStarting, share } = board;
	if (copies === 0) return 1;
	if (there >= copies && there >= share()) return Infinity;
	if (there > 0 && isStarting) return 3;
	return there < copies ? 0 : 1;
}

/**
 * Orders case files for starting when `jobs` of their cells run in parallel: cases on different boards alternate, so
 * that each board has work. Cases without a board come last. Pure.
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
		// When this case starts, this many of the board's cells have already started.
		const started = cells.filter(cell => cell.on === on && order.includes(cell.case)).length;
		const turns = (turnsOf.get(on) ?? 0) + 1;
		turnsOf.set(on, turns);
		if (turns > started) order.push(...(waiting.get(on)?.splice(0, 1) ?? []));
	}
	return [...order, ...[...waiting.values()].flat()];
}
