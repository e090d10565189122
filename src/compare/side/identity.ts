import type { CellResult } from '../../run/results.ts';

/** What makes a cell the same cell in another run. Every part is text that may come from a foreign file. */
export interface CellIdentity {
	readonly case: string;
	/** The host as ids name it: a topology of a board, `local`, or `ssh://HOST`. */
	readonly place: string;
	/** The QEMU as the user named it; empty where the id does not tell. */
	readonly qemu: string;
	readonly machine: string;
	/** The other axes that are not at their default, such as `pmu=10` or `cpu.pmu=off`. */
	readonly axes: readonly string[];
}

/**
 * Reads the identity of a cell from its id, `CASE[PLACE,QEMU,MACHINE,AXIS...]`, helped by the members of the result. An id
 * that vpmu has not made has its whole bracket as its only axis. Pure.
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

/** The identity as one line, without the QEMU where `qemu` is empty. */
export function identityText({ case: name, place, qemu, machine, axes }: CellIdentity): string {
	return `${name}[${[place, ...(qemu === '' ? [] : [qemu]), machine, ...axes].join(',')}]`;
}

/** Which names of one side stand for which of the other. */
export interface NameMatch {
	/** From a name of the side before to that of the side after. */
	readonly pairs: ReadonlyMap<string, string>;
	readonly onlyBefore: readonly string[];
	readonly onlyAfter: readonly string[];
}

/**
 * Matches names of QEMUs or of hosts: equal names are the same; of the others, one on each side is a pair, since two builds
 * or two hosts are what was to be compared. More than one on a side are not guessed at. Pure.
 */
export function matchNames(before: ReadonlySet<string>, after: ReadonlySet<string>): NameMatch {
	const onlyBefore = [...before].filter(name => !after.has(name));
	const onlyAfter = [...after].filter(name => !before.has(name));
	const pairs = new Map([...before].filter(name => after.has(name)).map(name => [name, name]));
	if (onlyBefore.length !== 1 || onlyAfter.length !== 1) return { pairs, onlyBefore, onlyAfter };
	pairs.set(onlyBefore[0]!, onlyAfter[0]!);
	return { pairs, onlyBefore: [], onlyAfter: [] };
}
