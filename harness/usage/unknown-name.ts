import { UsageError } from '../../src/lib/index.ts';

/** The nearest of `candidates` to a mistyped word, if one is near enough to have been meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
	let best: { candidate: string; distance: number } | undefined;
	for (const candidate of candidates) {
		const distance = editDistance(word, candidate);
		if (distance <= Math.max(1, Math.floor(word.length / 3)) && (best === undefined || distance < best.distance)) {
			best = { candidate, distance };
		}
	}
	return best?.candidate;
}

function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
		}
		row = next;
	}
	return row[b.length]!;
}

/** A sentence for an unknown name: the value, where it stood, what is allowed, and what was probably meant. */
export function unknownName(what: string, value: string, where: string, allowed: readonly string[]): UsageError {
	const meant = nearest(value, allowed);
	const hint = meant === undefined ? '' : ` (did you mean '${meant}'?)`;
	return new UsageError(`unknown ${what} '${value}' ${where}${hint}; allowed: ${allowed.join(', ')}`);
}
