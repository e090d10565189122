import { UsageError } from '../../src/lib/index.ts';

/** Finds the candidate nearest to a mistyped word, if one is near enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
	let best: { candidate: string; distance: number } | undefined;
	for (const candidate of candidates) {
		const distance = editDistance(word, candidate);
		if (distance <= Math.ceil(word.length / 3) && (best === undefined || distance < best.distance)) {
			best = { candidate, distance };
		}
	}
	return best?.candidate;
}

/** Counts letters inserted, left out, replaced, or swapped with a neighbour (optimal string alignment distance). */
function editDistance(a: string, b: string): number {
	let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, index) => index)];
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
			next[j] = Math.min(
				...[row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)],
				...(isSwapped ? [before[j - 2]! + 1] : []),
			);
		}
		[before, row] = [row, next];
	}
	return row[b.length]!;
}

/** Describes an unknown name: the value, where it stood, what is allowed, and a suggestion. */
export function unknownName(what: string, value: string, where: string, allowed: readonly string[]): UsageError {
	const meant = nearest(value, allowed);
	const hint = meant === undefined ? '' : ` (did you mean '${meant}'?)`;
	return new UsageError(`unknown ${what} '${value}' ${where}${hint}; allowed: ${allowed.join(', ')}`);
}
