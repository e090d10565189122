import { median } from '../../compare/index.ts';

/** Fewest values for {@link trendTest}: with fewer, its approximation is poor. */
export const leastValues = 8;

/**
 * Returns the probability that values without a trend rise or fall this steadily: the two-sided Mann-Kendall test with
 * correction for ties. It uses only which of two values is greater, so that an outlier decides nothing. 1 for fewer
 * than {@link leastValues} values.
 */
export function trendTest(values: readonly number[]): number {
	const n = values.length;
	if (n < leastValues) return 1;
	let sum = 0;
	for (let later = 1; later < n; later++) {
		for (let earlier = 0; earlier < later; earlier++) sum += Math.sign(values[later]! - values[earlier]!);
	}
	const spread = (count: number) => count * (count - 1) * (2 * count + 5);
	const ties = [...Map.groupBy(values, value => value).values()].reduce((all, same) => all + spread(same.length), 0);
	const deviation = Math.sqrt((spread(n) - ties) / 18);
	return deviation === 0 ? 1 : Math.min(1, 2 * upperTail(Math.max(0, Math.abs(sum) - 1) / deviation));
}

/** The upper tail of the normal distribution: Mills' ratio as a continued fraction, or its series near zero. */
function upperTail(z: number): number {
	const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
	if (z < 2) {
		let [term, sum] = [z, z];
		for (let k = 1; k < 40; k++) sum += term *= (z * z) / (2 * k + 1);
		return 0.5 - density * sum;
	}
	let fraction = 0;
	for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
	return density / (z + fraction);
}

/** How a series of values left its level. */
export interface Onset {
	/** The index of the first value that is off the level before. */
	readonly at: number;
	/** `drift` rises or falls from value to value, `step` stays at its new level. */
	readonly form: 'drift' | 'step';
	/** The last value in relation to the level before, as fitted. */
	readonly ratio: number;
}

/**
 * Finds where values left their level: the level, then a slope or another level, whichever leaves the least sum of
 * absolute residuals. At least three values are the level.
 */
export function onsetOf(values: readonly number[]): Onset | undefined {
	let best: (Onset & { readonly left: number }) | undefined;
	const residuals = (fitted: (index: number) => number) =>
		values.reduce((sum, value, index) => sum + Math.abs(value - fitted(index)), 0);
	for (let at = 3; at <= values.length - 2; at++) {
		const level = median(values.slice(0, at));
		const after = values.slice(at);
		const slope = median(after.map((value, index) => (value - level) / (index + 1)));
		const next = median(after);
		const drift = residuals(index => (index < at ? level : level + slope * (index - at + 1)));
		const step = residuals(index => (index < at ? level : next));
		for (const [form, left, last] of [
			['drift', drift, level + slope * after.length],
			['step', step, next],
		] as const) {
			if (best === undefined || left < best.left) best = { at, form, ratio: last / level, left };
		}
	}
	if (best === undefined) return undefined;
	const { at, form, ratio } = best;
	return { at, form, ratio };
}
