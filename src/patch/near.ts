import type { Hunk } from './diff.ts';

/** Where in a file a hunk nearly fits. */
export interface NearFit {
	/** Line of the file at which its first line would stand, counted from 1. */
	readonly line: number;
	/** How many of the hunk's old lines stand there as they are. */
	readonly equal: number;
	readonly of: number;
	/**
	 * The first line that differs: its number, what the patch expects and what the file has (`undefined` behind its end). Absent if
	 * none does: git wants a hunk that lacks context on one side at that end of the file.
	 */
	readonly differs: { readonly at: number; readonly expected: string; readonly found: string | undefined } | undefined;
	/** The fuzz with which GNU patch takes the hunk, 1 or 2: context lines it ignores at either end. git allows none. */
	readonly fuzz: number | undefined;
}

/** GNU patch's default for `--fuzz`. */
const fuzzMax = 2;

/** The least fuzz with which a hunk fits at an index of lines, as GNU patch reckons it: of the longer context first. */
function fuzzAt(lines: readonly string[], start: number, { oldStart, oldLines, context }: Hunk): number | undefined {
	const longer = Math.max(context.before, context.after);
	for (let fuzz = 1; fuzz <= Math.min(fuzzMax, longer); fuzz++) {
		const [first, last] = [fuzz + context.before - longer, fuzz + context.after - longer];
		// A shorter context means the file's beginning, if the hunk is for its first line, or its end.
		if ((first < 0 && oldStart <= 1 && start !== 0) || (last < 0 && start + oldLines.length !== lines.length)) continue;
		const until = oldLines.length - Math.max(last, 0);
		const from = Math.max(first, 0);
		if (from < until && oldLines.slice(from, until).every((line, at) => lines[start + from + at] === line)) return fuzz;
	}
	return undefined;
}

/** How many places are looked at closely: those that share the most lines with the hunk. */
const candidatesMax = 64;

/**
 * Finds the place that has the most of a hunk's old lines in order, at least a third of those that are not blank. Each line that
 * is rare in the file votes for the place at which the hunk would then begin, so that the time is linear in the file.
 *
 * @param content the file as it stands
 */
export function nearestFit(content: string, hunk: Hunk): NearFit | undefined {
	const lines = content.split('\n');
	// What follows the last line feed is not a line.
	if (lines.at(-1) === '') lines.pop();
	const wanted = hunk.oldLines;
	if (wanted.length === 0) return undefined;
	const places = new Map<string, number[]>();
	const interesting = new Set(wanted.filter(line => line.trim() !== ''));
	lines.forEach((line, at) => {
		if (!interesting.has(line)) return;
		const known = places.get(line);
		if (known === undefined) places.set(line, [at]);
		else if (known.length < candidatesMax) known.push(at);
	});
	const votes = new Map<number, number>();
	wanted.forEach((line, at) => {
		for (const place of places.get(line) ?? []) {
			for (const shift of [-2, -1, 0, 1, 2]) {
				const start = place - at + shift;
				if (start < 0) continue;
				votes.set(start, (votes.get(start) ?? 0) + (shift === 0 ? 1 : 0));
			}
		}
	});
	const distance = (start: number) => Math.abs(start + 1 - hunk.oldStart);
	type Fit = { start: number; equal: number; fuzz: number | undefined };
	const compare = (one: Fit, other: Fit) =>
		(one.fuzz ?? fuzzMax + 1) - (other.fuzz ?? fuzzMax + 1) ||
		other.equal - one.equal ||
		distance(one.start) - distance(other.start);
	const candidates = [...votes].sort((a, b) => b[1] - a[1]).slice(0, candidatesMax);
	let best: Fit | undefined;
	const meaningful = wanted.filter(line => line.trim() !== '').length;
	for (const [start] of candidates) {
		const equal = wanted.filter((line, at) => lines[start + at] === line && line.trim() !== '').length;
		const one = { start, equal, fuzz: fuzzAt(lines, start, hunk) };
		if (best === undefined || compare(one, best) < 0) best = one;
	}
	if (best === undefined || (best.fuzz === undefined && best.equal * 3 < meaningful)) return undefined;
	const { start, fuzz } = best;
	const at = wanted.findIndex((line, index) => lines[start + index] !== line);
	return {
		line: start + 1,
		equal: wanted.filter((line, index) => lines[start + index] === line).length,
		of: wanted.length,
		differs: at === -1 ? undefined : { at: start + at + 1, expected: wanted[at]!, found: lines[start + at] },
		fuzz,
	};
}
