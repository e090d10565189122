/** Returns the median: the middle value, or the mean of the two middle ones. NaN without values. */
export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Enumerate up to this many divisions; 20 values in two tens have 184,756. */
const mostDivisions = 200_000;

/**
 * Returns the probability that two samples of one distribution differ at least this much: the two-sided Mann-Whitney
 * test. It uses only the order of the values, so that an outlier decides nothing. Exact, ties included, if the
 * divisions can be enumerated; else by the normal approximation with correction for ties. 1 if a sample is empty.
 */
export function rankTest(before: readonly number[], after: readonly number[]): number {
	const [n, m] = [before.length, after.length];
	if (n === 0 || m === 0) return 1;
	const ranks = ranksOf([...before, ...after]);
	const sum = ranks.slice(0, n).reduce((total, rank) => total + rank, 0);
	const mean = (n * (n + m + 1)) / 2;
	const away = Math.abs(sum - mean);
	if (divisions(n + m, n) <= mostDivisions) return exact(ranks, n, mean, away);
	const all = n + m;
	const ties = [...Map.groupBy(ranks, rank => rank).values()].reduce(
		(total, same) => total + same.length ** 3 - same.length,
		0,
	);
	const deviation = Math.sqrt(((n * m) / 12) * (all + 1 - ties / (all * (all - 1))));
	return deviation === 0 ? 1 : Math.min(1, 2 * upperTail(Math.max(0, away - 0.5) / deviation));
}

/**
 * Returns the smallest probability that {@link rankTest} can give for so many values: without ties, all of one sample
 * below all of the other.
 */
export const leastProbability = (n: number, m: number) => Math.min(1, 2 / divisions(n + m, n));

/**
 * Applies Holm's correction: tells which of many tests are significant, so that the probability of any false one is at
 * most `alpha`.
 */
export function significant(probabilities: readonly number[], alpha: number): boolean[] {
	const order = probabilities.map((_, index) => index).sort((a, b) => probabilities[a]! - probabilities[b]!);
	const found = probabilities.map(() => false);
	for (const [rank, index] of order.entries()) {
		if (probabilities[index]! > alpha / (probabilities.length - rank)) break;
		found[index] = true;
	}
	return found;
}

/** Ranks from 1; equal values share the mean of their ranks. */
function ranksOf(values: readonly number[]): number[] {
	const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
	const ranks: number[] = values.map(() => 0);
	for (let at = 0; at < order.length; ) {
		let end = at;
		while (end < order.length && values[order[end]!] === values[order[at]!]) end++;
		for (let same = at; same < end; same++) ranks[order[same]!] = (at + end + 1) / 2;
		at = end;
	}
	return ranks;
}

/**
 * Returns the share of the ways to choose `n` ranks whose sum is at least this far from the mean. Counts sums, not
 * ways.
 */
function exact(ranks: readonly number[], n: number, mean: number, away: number): number {
	// Shared ranks may be halves, so double them.
	const doubled = ranks.map(rank => Math.round(rank * 2));
	const ways: Map<number, number>[] = Array.from({ length: n + 1 }, () => new Map());
	ways[0]!.set(0, 1);
	for (const rank of doubled) {
		for (let taken = n; taken > 0; taken--) {
			for (const [sum, count] of ways[taken - 1]!) {
				ways[taken]!.set(sum + rank, (ways[taken]!.get(sum + rank) ?? 0) + count);
			}
		}
	}
	let [extreme, total] = [0, 0];
	for (const [sum, count] of ways[n]!) {
		total += count;
		if (Math.abs(sum / 2 - mean) >= away - 1e-9) extreme += count;
	}
	return extreme / total;
}

/** n over k; Infinity if it exceeds a double. */
function divisions(n: number, k: number): number {
	let result = 1;
	for (let at = 1; at <= k; at++) result = (result * (n - k + at)) / at;
	return Math.round(result);
}

/** The upper tail of the normal distribution (Abramowitz and Stegun 26.2.17, error below 7.5e-8). */
function upperTail(z: number): number {
	const t = 1 / (1 + 0.2316419 * z);
	const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
	return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}
