import type { Hunk } from './diff.ts';

/** Where in a file a hunk nearly fits. */
export interface NearFit {
	/** Line of the file at which its first line would stand, counted from 1. */
	readonly line: number;
	/** How many of the hunk's old lines stand there as they are. */
	readonly equal: number;
	readonly of: number;
	/** The first line that differs: what the patch expects and what the file has (`undefined` behind its end). */
	readonly expected: string;
	readonly found: string | undefined;
	/** Line of the file at which they differ. */
	readonly at: number;
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
	const candidates = [...votes].sort((a, b) => b[1] - a[1]).slice(0, candidatesMax);
	let best: { start: number; equal: number } | undefined;
	const meaningful = wanted.filter(line => line.trim() !== '').length;
	for (const [start] of candidates) {
		const equal = wanted.filter((line, at) => lines[start + at] === line && line.trim() !== '').length;
		const closer = best !== undefined && Math.abs(start + 1 - hunk.oldStart) < Math.abs(best.start + 1 - hunk.oldStart);
		if (best === undefined || equal > best.equal || (equal === best.equal && closer)) best = { start, equal };
	}
	if (best === undefined || best.equal * 3 < meaningful) return undefined;
	const { start } = best;
	const differs = wanted.findIndex((line, at) => lines[start + at] !== line);
	if (differs === -1) return undefined;
	return {
		line: start + 1,
		equal: wanted.filter((line, at) => lines[start + at] === line).length,
		of: wanted.length,
		expected: wanted[differs]!,
		found: lines[start + differs],
		at: start + differs + 1,
	};
}
