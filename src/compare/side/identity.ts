import type { CellResult } from '../../run/results.ts';

/** Identifies a cell across runs. Every part is text that may come from a foreign file. */
export interface CellIdentity {
	readonly case: string;
	/** The host as in cell ids: a board's topology, `local`, or `ssh://HOST`. */
	readonly place: string;
	/** The QEMU as named by the user; empty if the id does not tell. */
	readonly qemu: string;
	readonly machine: string;
	/** The other axes with non-default values, such as `pmu=10` or `cpu.pmu=off`. */
	readonly axes: readonly string[];
}

/**
 * Reads the identity of a cell from its id, `CASE[PLACE,QEMU,MACHINE,AXIS...]`, and members of the result. If vpmu did
 * not make the id, its whole bracket is the only axis. Pure.
 */
export function identityOf(cell: Pick<CellResult, 'id' | 'case' | 'on' | 'qemu' | 'machine'>): CellIdentity {
	const { id, machine, qemu, on } = cell;
	const open = id.indexOf('[');
	const inner = open !== -1 && id.endsWith(']') ? id.slice(open + 1, -1) : undefined;
	const host = (on.host ?? '').replace(/^board:/, '');
	const unknown = { case: cell.case, place: host, qemu: '', machine, axes: [inner ?? id] };
	if (inner === undefined) return unknown;
	const place = inner.startsWith(`${host},`) ? host : inner.slice(0, Math.max(0, inner.indexOf(',')));
	const afterPlace = inner.slice(place.length + 1);
	const named = qemu.path !== null && afterPlace.startsWith(`${qemu.path},`) ? qemu.path : undefined;
	const parts = (named === undefined ? afterPlace : afterPlace.slice(named.length + 1)).split(',');
	const at = parts.indexOf(machine, named === undefined ? 1 : 0);
	if (at === -1 || (named !== undefined && at !== 0)) return unknown;
	return {
		...{ case: cell.case, place, qemu: named ?? parts.slice(0, at).join(','), machine },
		axes: parts.slice(at + 1),
	};
}

/** The identity as one line, without the QEMU if `qemu` is empty. */
export function identityText({ case: name, place, qemu, machine, axes }: CellIdentity): string {
	return `${name}[${[place, ...(qemu === '' ? [] : [qemu]), machine, ...axes].join(',')}]`;
}

/**
 * Leaves the QEMU out of a cell's id if it is named by a path, `CASE[PLACE,/PATH,MACHINE,AXIS...]`: each build has a path of
 * its own, and the cell is the same one. A name such as `debian:trixie` stays, and so does an id that vpmu did not make. Pure.
 */
export function stableIdOf(id: string): string {
	const [from, to] = pathIn(id);
	return `${id.slice(0, from)}${id.slice(to)}`;
}

/** Returns the path of the QEMU in a cell's id; `undefined` if the id has a name such as `debian:trixie`, or none. Pure. */
export function buildOf(id: string): string | undefined {
	const [from, to] = pathIn(id);
	return from === to ? undefined : id.slice(from + 1, to);
}

/** Where the path of a QEMU lies in a cell's id, with the comma before it; nowhere if both are equal. */
function pathIn(id: string): readonly [from: number, to: number] {
	const open = id.indexOf('[');
	const first = id.indexOf(',', open);
	if (open === -1 || first === -1 || id[first + 1] !== '/' || !id.endsWith(']')) return [0, 0];
	// A path may contain commas; what follows it is a machine type.
	const after = /,(?=[A-Za-z][\w.+-]*[,\]])/.exec(id.slice(first + 1));
	return after === null ? [0, 0] : [first, first + 1 + after.index];
}

/** Maps the ids of a run's cells to their stable ids. Cells that only their builds of QEMU tell apart keep their own. Pure. */
export function stableIdsOf(ids: readonly string[]): ReadonlyMap<string, string> {
	const alike = Map.groupBy(new Set(ids), stableIdOf);
	return new Map([...alike].flatMap(([stable, own]) => own.map(id => [id, own.length === 1 ? stable : id] as const)));
}

/** Which names of one side correspond to which of the other. */
export interface NameMatch {
	/** Maps a name on the side before to that on the side after. */
	readonly pairs: ReadonlyMap<string, string>;
	readonly onlyBefore: readonly string[];
	readonly onlyAfter: readonly string[];
}

/**
 * Matches names of QEMUs or hosts: equal names correspond. If one name remains on each side they are a pair, since two
 * builds or two hosts were to be compared. If more remain, none are matched. Pure.
 */
export function matchNames(before: ReadonlySet<string>, after: ReadonlySet<string>): NameMatch {
	const onlyBefore = [...before].filter(name => !after.has(name));
	const onlyAfter = [...after].filter(name => !before.has(name));
	const pairs = new Map([...before].filter(name => after.has(name)).map(name => [name, name]));
	if (onlyBefore.length !== 1 || onlyAfter.length !== 1) return { pairs, onlyBefore, onlyAfter };
	pairs.set(onlyBefore[0]!, onlyAfter[0]!);
	return { pairs, onlyBefore: [], onlyAfter: [] };
}
