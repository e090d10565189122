import { UsageError } from '../lib/errors.ts';
import { shorten } from '../lib/text/foreign.ts';

/** The highest accepted CPU number: far above Linux's largest NR_CPUS, far below the largest safe integer. */
export const largestCpu = 2 ** 31 - 1;

/**
 * A set of CPU numbers, stored as ranges, so that the cost of a list depends on the length of its text and not on the
 * number of CPUs.
 */
export class CpuSet {
	/** Ascending, disjoint, not adjacent; both ends are members. */
	readonly ranges: readonly (readonly [first: number, last: number])[];

	constructor(ranges: Iterable<readonly [first: number, last: number]> = []) {
		const merged: [number, number][] = [];
		for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
			const previous = merged.at(-1);
			if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
			else merged.push([first, last]);
		}
		this.ranges = merged;
	}

	static of(...cpus: readonly number[]): CpuSet {
		return new CpuSet(cpus.map(cpu => [cpu, cpu]));
	}

	/** The number of CPUs in the set. */
	get size(): number {
		return this.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
	}

	has(cpu: number): boolean {
		return this.ranges.some(([first, last]) => first <= cpu && cpu <= last);
	}

	/** Whether this set contains every CPU of `other`. Every set contains the empty one. */
	covers(other: CpuSet): boolean {
		return other.minus(this).size === 0;
	}

	and(other: CpuSet): CpuSet {
		const both: [number, number][] = [];
		let at = 0;
		for (const [first, last] of this.ranges) {
			while (at < other.ranges.length && other.ranges[at]![1] < first) at++;
			for (let next = at; next < other.ranges.length && other.ranges[next]![0] <= last; next++) {
				const [otherFirst, otherLast] = other.ranges[next]!;
				both.push([Math.max(first, otherFirst), Math.min(last, otherLast)]);
			}
		}
		return new CpuSet(both);
	}

	minus(other: CpuSet): CpuSet {
		const left: [number, number][] = [];
		let at = 0;
		for (const [first, last] of this.ranges) {
			let next = first;
			while (at < other.ranges.length && other.ranges[at]![1] < first) at++;
			for (let index = at; index < other.ranges.length && other.ranges[index]![0] <= last; index++) {
				const [otherFirst, otherLast] = other.ranges[index]!;
				if (otherFirst > next) left.push([next, otherFirst - 1]);
				next = otherLast + 1;
			}
			if (next <= last) left.push([next, last]);
		}
		return new CpuSet(left);
	}

	or(other: CpuSet): CpuSet {
		return new CpuSet([...this.ranges, ...other.ranges]);
	}

	/** Formats the list as the kernel does, without the newline: `0-3,8`. */
	toString(): string {
		return this.ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
	}

	/** Iterates over the CPUs in ascending order. */
	*[Symbol.iterator](): Generator<number> {
		for (const [first, last] of this.ranges) for (let cpu = first; cpu <= last; cpu++) yield cpu;
	}
}

/**
 * Parses a list of CPUs in the kernel's format (`%*pbl`, Documentation/admin-guide/cputopology.rst): decimal
 * numbers and ranges separated by commas, in any order. An empty list is the empty set. One trailing newline is allowed.
 *
 * @throws UsageError for anything else: signs, spaces, hexadecimal, descending ranges, empty items
 */
export function parseCpuList(text: string): CpuSet {
	const list = text.replace(/\n$/, '');
	if (list === '') return new CpuSet();
	return new CpuSet(
		list.split(',').map((item): [number, number] => {
			const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(item) ?? [];
			if (first === undefined)
				throw wrongList(text, `'${shorten(item, 100)}' is neither a number nor a range such as 0-3`);
			const range: [number, number] = [Number(first), Number(last)];
			if (range[1] > largestCpu) throw wrongList(text, `CPU ${shorten(last!, 100)} is beyond ${largestCpu}`);
			if (range[1] < range[0]) throw wrongList(text, `range '${shorten(item, 100)}' descends`);
			return range;
		}),
	);
}

function wrongList(text: string, why: string): UsageError {
	return new UsageError(
		`CPU list ${JSON.stringify(shorten(text))} is malformed: ${why}; allowed: the kernel's format, such as 0-3,8`,
	);
}

/** How the posted patch's parser reads a list. */
export type LenientReading =
	| { readonly cpus: CpuSet }
	/** The parser refuses the text, and QEMU continues without the entry. */
	| { readonly refused: string }
	/** The parser accepts a number that it cannot hold, which ends QEMU. */
	| { readonly fatal: string };

/**
 * Parses a list as the posted patch does: numbers as C's strtoul reads them in base 0 (leading white space, a sign,
 * hexadecimal, octal), only the first line, with optional commas between items and a trailing one ignored. The patch accepts
 * numbers out of range. They are `fatal` here, because the bitmap that they index cannot be allocated.
 */
export function parseCpuListAsPatch(text: string): LenientReading {
	// getline() returns the first line with its newline; a C string ends at the first NUL.
	const line = /^[^\0\n]*/.exec(text)![0];
	const ranges: [number, number][] = [];
	let rest = line;
	while (rest !== '') {
		const start = readNumber(rest);
		if (start === undefined) return { refused: `no number at '${shorten(rest, 100)}'` };
		rest = start.rest;
		let end = start.value;
		if (rest.startsWith('-')) {
			const last = readNumber(rest.slice(1));
			if (last === undefined) return { refused: `no number at '${shorten(rest.slice(1), 100)}'` };
			rest = last.rest;
			end = last.value;
			if (end < start.value) return { refused: `range ${start.value}-${end} descends` };
		}
		if (end > BigInt(largestCpu)) return { fatal: `CPU number ${end} is out of range` };
		ranges.push([Number(start.value), Number(end)]);
		if (rest.startsWith(',')) rest = rest.slice(1);
	}
	return { cpus: new CpuSet(ranges) };
}

const ulongMax = 2n ** 64n - 1n;

/**
 * Emulates C's strtoul in base 0 on a 64-bit machine: a magnitude beyond 64 bits gives the largest value, a minus sign wraps.
 */
export function readNumber(text: string): { value: bigint; rest: string } | undefined {
	const match = /^[ \t\v\f\r\n]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
	if (match === null) return undefined;
	const digits = match[2]!;
	const isOctal = /^0[0-7]+$/.test(digits);
	const significant = digits.replace(/^0[xX]?0*/, '');
	// In any base, a number with more digits than this exceeds 64 bits.
	const magnitude =
		significant.length > 64
			? ulongMax + 1n
			: significant === ''
				? 0n
				: BigInt(`${prefixOf(digits, isOctal)}${significant}`);
	const outOfRange = magnitude > ulongMax;
	const value = outOfRange ? ulongMax : match[1] === '-' ? (ulongMax + 1n - magnitude) & ulongMax : magnitude;
	return { value, rest: text.slice(match[0].length) };
}

function prefixOf(digits: string, isOctal: boolean): '' | '0x' | '0o' {
	if (/^0[xX]/.test(digits)) return '0x';
	return isOctal ? '0o' : '';
}
