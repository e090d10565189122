import { machineVersion } from '../lib/machine-type.ts';
import type { CellIdentity } from './side/identity.ts';
import { counted } from './words.ts';

/** The most names that are listed; of more, the number is told too. */
const mostNames = 4;

type Axis = 'place' | 'machine' | 'axes' | 'case';

const valueOn = (cell: CellIdentity, axis: Axis) => (axis === 'axes' ? cell.axes.join(',') : cell[axis]);

/** Where a set of cells lies among all cells. */
export interface Where {
	/** In words, such as `on biglittle; virt-9.2 and older; choice/default`. Empty where they are everywhere. */
	readonly text: string;
	/** How many cells lie there, these among them: no fewer than there are of these. */
	readonly population: number;
}

/**
 * Says where cells lie by the axes that tell them from the others: an axis on which they have every value that there is says
 * nothing. Pure.
 *
 * @param all every cell that could have been one of them
 */
export function whereOf(cells: readonly CellIdentity[], all: readonly CellIdentity[]): Where {
	const parts: string[] = [];
	let left = all;
	for (const axis of ['place', 'machine', 'axes', 'case'] as const) {
		const own = new Set(cells.map(cell => valueOn(cell, axis)));
		const possible = new Set(left.map(cell => valueOn(cell, axis)));
		if ([...possible].every(value => own.has(value))) continue;
		left = left.filter(cell => own.has(valueOn(cell, axis)));
		parts.push(
			axis === 'place'
				? `on ${list(own)}`
				: axis === 'machine'
					? machines(own, possible)
					: axis === 'axes'
						? options(own)
						: list(own, 'case'),
		);
	}
	return { text: parts.join('; '), population: left.length };
}

function list(names: ReadonlySet<string>, noun = 'more'): string {
	const all = [...names].sort();
	if (all.length <= mostNames) return all.join(', ');
	const rest = all.length - (mostNames - 1);
	return `${all.slice(0, mostNames - 1).join(', ')} and ${noun === 'more' ? `${rest} more` : counted(rest, `more ${noun}`)}`;
}

function options(own: ReadonlySet<string>): string {
	const plain = own.has('');
	const named = new Set([...own].filter(one => one !== ''));
	const text = `with ${list(named)}`;
	return named.size === 0 ? 'without further options' : plain ? `${text}, or none` : text;
}

/** Machine types, their versions put together where they are neighbours among those that there are. */
function machines(own: ReadonlySet<string>, possible: ReadonlySet<string>): string {
	const versioned = (name: string) => {
		const found = machineVersion(name);
		return found?.upstream === undefined ? undefined : { ...found, upstream: found.upstream };
	};
	const plain = [...own].filter(name => versioned(name) === undefined);
	const families = Map.groupBy(
		[...possible].filter(name => versioned(name) !== undefined),
		name => versioned(name)!.family,
	);
	const texts = [...families].flatMap(([family, names]) => {
		const sorted = names.sort((a, b) => compareVersions(versioned(a)!.upstream, versioned(b)!.upstream));
		const has = sorted.filter(name => own.has(name));
		if (has.length === 0) return [];
		if (has.length === sorted.length && sorted.length > 1) return [`every versioned ${family}`];
		const [first, last] = [sorted.indexOf(has[0]!), sorted.indexOf(has.at(-1)!)];
		if (has.length < 2 || last - first + 1 !== has.length) return [list(new Set(has))];
		if (first === 0) return [`${has.at(-1)} and older`];
		if (last === sorted.length - 1) return [`${has[0]} and newer`];
		return [`${has[0]} to ${has.at(-1)}`];
	});
	return [...(plain.length === 0 ? [] : [list(new Set(plain))]), ...texts].join(', ');
}

function compareVersions(a: readonly [number, number], b: readonly [number, number]): number {
	return a[0] - b[0] || a[1] - b[1];
}
