import { counted } from '../lib/text/counted.ts';
import { type CellChange, type CellPair, type Common, changeOf, loneChange } from './changes.ts';
import { type ChangeGroup, groupChanges, type PlacedChange } from './groups.ts';
import { compareMeasurements, type MeasuredChange } from './measure/measure.ts';
import { matchNames } from './side/identity.ts';
import { matchKey, type Side, type SideCell } from './side/side.ts';
import { type ChangeKind, changeKinds } from './words.ts';

/** What changed from one side to the other. The form of `vpmu compare --format json`. */
export interface Comparison {
	readonly schema: 'vpmu-comparison/1';
	readonly before: SideSummary;
	readonly after: SideSummary;
	/** Changes with one cause, the most urgent first. */
	readonly groups: readonly ChangeGroup[];
	/** Each cell that changed. */
	readonly changes: readonly CellChange[];
	readonly same: number;
	/** Of the same, those that fail on both sides. */
	readonly sameFailing: number;
	readonly counts: Readonly<Record<ChangeKind, number>>;
	/** Cells that got worse. */
	readonly regressions: number;
	readonly measurements: readonly MeasuredChange[];
	/** What else differs between the sides, and what could not be compared. One sentence each. */
	readonly notes: readonly string[];
}

export type SideSummary = Omit<Side, 'cells'> & { readonly cells: number };

/**
 * Compares two sides cell by cell. Cells are matched by case, host, QEMU, machine type and axes; where each side has one
 * QEMU, or one host, that the other has not, these stand for each other. Pure.
 */
export function compareSides(before: Side, after: Side, common: Common = {}): Comparison {
	const names = (side: Side, part: 'qemu' | 'place') => new Set(side.cells.map(cell => cell.identity[part]));
	const qemus = matchNames(names(before, 'qemu'), names(after, 'qemu'));
	const places = matchNames(names(before, 'place'), names(after, 'place'));
	const same = { qemus: new Map(qemus.pairs), places: new Map(places.pairs) };
	// What has no partner keeps its name, and with it its cells, which are new or gone.
	for (const name of qemus.onlyBefore) same.qemus.set(name, `${name}\nbefore`);
	for (const name of places.onlyBefore) same.places.set(name, `${name}\nbefore`);
	const was = new Map<string, SideCell>();
	for (const cell of before.cells) was.set(matchKey(cell.identity, same.qemus, same.places)!, cell);

	const pairs: CellPair[] = [];
	const lone: PlacedChange[] = [];
	const asItself = (side: Side, part: 'qemu' | 'place') => new Map([...names(side, part)].map(name => [name, name]));
	const [ownQemus, ownPlaces] = [asItself(after, 'qemu'), asItself(after, 'place')];
	for (const cell of after.cells) {
		const key = matchKey(cell.identity, ownQemus, ownPlaces)!;
		const then = was.get(key);
		if (then === undefined) lone.push({ change: loneChange(cell, 'new', common), cell });
		else pairs.push({ before: then, after: cell, isOtherHost: then.identity.place !== cell.identity.place });
		was.delete(key);
	}
	for (const cell of was.values()) lone.push({ change: loneChange(cell, 'gone'), cell });

	const compared = pairs.map(pair => ({ pair, change: changeOf(pair, common) }));
	const placed = [
		...compared.flatMap(({ pair, change }) => (change === undefined ? [] : [{ change, cell: pair.after }])),
		...lone,
	];
	const unchanged = compared.filter(({ change }) => change === undefined);
	const count = (kind: ChangeKind) => placed.filter(({ change }) => change.kind === kind).length;
	return {
		schema: 'vpmu-comparison/1',
		before: { ...before, cells: before.cells.length },
		after: { ...after, cells: after.cells.length },
		groups: groupChanges(placed, before.cells, after.cells),
		changes: placed.map(({ change }) => change),
		same: unchanged.length,
		sameFailing: unchanged.filter(({ pair }) => pair.after.status === 'fail').length,
		counts: Object.fromEntries(changeKinds.map(kind => [kind, count(kind)])) as Record<ChangeKind, number>,
		regressions: count('regression'),
		measurements: compareMeasurements(pairs),
		notes: [...unmatched('QEMU', qemus), ...unmatched('host', places), ...differences(before, after, pairs)],
	};
}

/** Whether no cell is on both sides, so that nothing can be said about regressions. */
export const hasNothingInCommon = ({ before, after, counts }: Comparison): boolean =>
	counts.new === after.cells && counts.gone === before.cells;

function unmatched(what: string, { onlyBefore, onlyAfter }: ReturnType<typeof matchNames>): string[] {
	if (onlyBefore.length === 0 && onlyAfter.length === 0) return [];
	const side = (names: readonly string[], when: string) =>
		names.length === 0 ? [] : [`only ${when}: ${names.join(', ')}`];
	const both = [...side(onlyBefore, 'before'), ...side(onlyAfter, 'after')].join('; ');
	return [`the cells of a ${what} that only one side has are not compared (${both})`];
}

/** What differs besides the cells, and may be why they do. */
function differences(before: Side, after: Side, pairs: readonly CellPair[]): string[] {
	const notes: string[] = [];
	const others = pairs.filter(pair => pair.isOtherHost);
	if (others.length > 0) {
		const { before: then, after: now } = others[0]!;
		notes.push(
			`host ${then.identity.place} before, ${now.identity.place} after: of ${counted(others.length, 'cell')}, statuses, rules and kinds of backends are compared; names of event sources, counts and times are not`,
		);
	}
	const changed = after.hosts.flatMap(({ place, kernels }) => {
		const then = before.hosts.find(host => host.place === place)?.kernels ?? [];
		if (then.length === 0 || kernels.length === 0 || then.join() === kernels.join()) return [];
		return [{ place, what: `was ${then.join(', ')} and is ${kernels.join(', ')}` }];
	});
	for (const [what, on] of Map.groupBy(changed, one => one.what)) {
		const hosts = on.length > 3 ? counted(on.length, 'host') : `host ${on.map(({ place }) => place).join(', ')}`;
		notes.push(`the kernel of ${hosts} ${what}`);
	}
	if (before.vpmu.join() !== after.vpmu.join()) {
		notes.push(`vpmu was ${before.vpmu.join(', ')} and is ${after.vpmu.join(', ')}: cases and predictions may differ`);
	}
	return notes;
}
