import type { CellStatus } from '../run/results.ts';
import type { CellChange } from './changes.ts';
import type { CellIdentity } from './side/identity.ts';
import type { SideCell } from './side/side.ts';
import { whereOf } from './where.ts';
import { backendText, type ChangeKind, changeKinds, findingIn } from './words.ts';

/** Changes of one kind with one cause: they differ only in axes. */
export interface ChangeGroup {
	readonly kind: ChangeKind;
	/** What changed and why, in one sentence; of alike reasons, the first. */
	readonly why: string;
	/** Where its cells lie, in words; empty where they are everywhere. */
	readonly where: string;
	/** Ids of the cells. */
	readonly cells: readonly string[];
	/**
	 * How many cells of the run after lie where these do, or of the run before if these are gone: more than these where others
	 * there did not change so.
	 */
	readonly population: number;
	/** What the cells came to: the statuses and the backends after, most frequent first, with their numbers. */
	readonly outcome: Readonly<Record<string, number>>;
	/** The known finding that it is, such as `F12`. */
	readonly finding?: string | undefined;
	/** Host capabilities that were simulated for any of the cells. */
	readonly simulated: readonly string[];
	/** QEMU and host of the first of the cells, as they were named. */
	readonly qemu: string;
	readonly place: string;
	/** `repro.sh` of the first of the cells, relative to the folder of the run after, where it has one. */
	readonly repro?: string | undefined;
}

/** A change with its cell: the one after, or the one before where it is gone. */
export interface PlacedChange {
	readonly change: CellChange;
	readonly cell: SideCell;
}

/** Puts changes with one cause together, the most urgent kind first, then the largest. Pure. */
export function groupChanges(
	changes: readonly PlacedChange[],
	before: readonly SideCell[],
	after: readonly SideCell[],
): ChangeGroup[] {
	const [was, is] = [before, after].map(cells => cells.map(cell => cell.identity)) as [CellIdentity[], CellIdentity[]];
	const groups = Map.groupBy(changes, ({ change }) => `${change.kind}\n${change.why}`);
	return [...groups.values()]
		.map(members => groupOf(members, members[0]!.change.kind === 'gone' ? was : is))
		.sort((a, b) => changeKinds.indexOf(a.kind) - changeKinds.indexOf(b.kind) || b.cells.length - a.cells.length);
}

function groupOf(members: readonly PlacedChange[], all: readonly CellIdentity[]): ChangeGroup {
	const [{ change, cell }] = members as [PlacedChange, ...PlacedChange[]];
	const { text, population } = whereOf(
		members.map(member => member.cell.identity),
		all,
	);
	return {
		kind: change.kind,
		why: change.kind === 'rule' || change.kind === 'prediction' ? change.why : change.what,
		where: text,
		cells: members.map(member => member.change.id),
		population: Math.max(population, members.length),
		outcome: outcomeOf(members),
		finding: findingIn(cell.reason),
		simulated: [...new Set(members.flatMap(member => member.cell.simulated))],
		qemu: cell.identity.qemu,
		place: cell.identity.place,
		repro: cell.repro,
	};
}

function outcomeOf(members: readonly PlacedChange[]): Record<string, number> {
	const outcomes = members.map(({ change, cell }) => {
		const status: CellStatus | 'gone' = change.after ?? 'gone';
		return cell.predicted === null ? status : `${status} with ${backendText(cell.predicted, false)}`;
	});
	const counts = [...Map.groupBy(outcomes, one => one)].map(([name, same]) => [name, same.length] as const);
	return Object.fromEntries(counts.sort((a, b) => b[1] - a[1]));
}
