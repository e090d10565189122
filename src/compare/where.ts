import { machineVersion } from '../lib/machine-type.ts';
import { counted } from '../lib/text/counted.ts';
import type { CellIdentity } from './side/identity.ts';

/** The most names that are listed. */
const mostNames = 3;

type Axis = 'place' | 'machine' | 'axes' | 'case';

const valueOn = (cell: CellIdentity, axis: Axis) => (axis === 'axes' ? cell.axes.join(',') : cell[axis]);

/** Where a set of cells lies among all cells. */
export interface Where {
	/** In words, such as `on biglittle; for virt-9.2 and older; in choice/default`. Empty where they are everywhere. */
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
		const text = {
			place: () => `on ${list(own, 'host')}`,
			machine: () => `for ${machines(own, possible)}`,
			axes: () => options(own),
			// The number of cells says what a number of cases would.
			case: () => (own.size > mostNames ? '' : `in ${[...own].sort().join(', ')}`),
		}[axis]();
		if (text !== '') parts.push(text);
	}
	return { text: parts.join('; '), population: left.length };
}

/** Few names as they are; of many, the number. */
function list(names: ReadonlySet<string>, noun: string): string {
	return names.size <= mostNames ? [...names].sort().join(', ') : counted(names.size, noun);
}

/** Few options as they are; many say nothing that the number of cells does not. */
function options(own: ReadonlySet<string>): string {
	const named = [...own].filter(one => one !== '').sort();
	if (named.length === 0) return 'without further options';
	if (named.length > mostNames) return '';
	return `with ${named.join(' or ')}${own.has('') ? ', or none' : ''}`;
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
		if (has.length < 2 || last - first + 1 !== has.length) return [list(new Set(has), 'versioned machine type')];
		if (first === 0) return [`${has.at(-1)} and older`];
		if (last === sorted.length - 1) return [`${has[0]} and newer`];
		return [`${has[0]} to ${has.at(-1)}`];
	});
	return [...(plain.length === 0 ? [] : [list(new Set(plain), 'machine type')]), ...texts].join(', ');
}

function compareVersions(a: readonly [number, number], b: readonly [number, number]): number {
	return a[0] - b[0] || a[1] - b[1];
}
