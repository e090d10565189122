import { exitCodes } from '../../../usage/exit-codes.ts';
import type { Side } from './plan.ts';

/** A run that did not come to an end, by its exit status. */
export interface Stopped {
	readonly stopped: number;
}

/** How sides are run and judged. */
export interface SideTrial<S extends object, V extends { readonly exit: number }> {
	/** Returns what distinguishes builds, such as hashes: a side with the same as the one before it is not run. */
	readonly identify: (side: Side) => Promise<string>;
	/** Runs the cells of a side, and whatever else is asked of it. */
	readonly run: (side: Side) => Promise<S | Stopped>;
	/** Judges what a side showed by what the first one did. */
	readonly judge: (first: S, seen: S, side: Side) => V;
	/** A line for people. */
	readonly tell: (line: string) => void;
}

/** The side that decided, and the verdict on it. */
export interface JudgedSide<V> {
	readonly side: Side;
	readonly judged: V;
	/** Sentences that say which patch or series is at fault. */
	readonly which: readonly string[];
	/** Sides that were built and not run, since an earlier one decided. */
	readonly left: readonly Side[];
}

/**
 * Runs the sides one after another and judges each by the first, until one does not pass. Of two series that fail together, runs the
 * one for Linux alone to say whose fault it is.
 */
export async function judgeSides<S extends object, V extends { readonly exit: number }>(
	{ before, after }: { readonly before: Side; readonly after: readonly Side[] },
	{ identify, run, judge, tell }: SideTrial<S, V>,
): Promise<JudgedSide<V> | Stopped> {
	const first = await run(before);
	if ('stopped' in first) return first;
	const sides = after.filter(side => side.isProof !== true);
	const proof = after.find(side => side.isProof === true);
	let identity = await identify(before);
	for (const [at, side] of sides.entries()) {
		const isLast = at === sides.length - 1;
		const own = await identify(side);
		if (own === identity && !isLast) {
			tell(`${side.name}: its build is the same as the one before, so there is nothing to run`);
			continue;
		}
		identity = own;
		const seen = await run(side);
		if ('stopped' in seen) return seen;
		const judged = judge(first, seen, side);
		if (judged.exit === exitCodes.asPredicted && !isLast) continue;
		const left = sides.slice(at + 1);
		if (judged.exit !== exitCodes.failed) return { side, judged, which: [], left };
		if (sides.length > 1) return { side, judged, which: [`${side.name} is the first with which this is so`], left };
		if (proof === undefined) return { side, judged, which: [], left };
		tell('The two series do not pass: the series for Linux is run alone');
		const shown = await run(proof);
		if ('stopped' in shown) return shown;
		return { side, judged, which: [whose(judge(first, shown, proof).exit)], left };
	}
	throw new Error('a series has at least one side');
}

/** Says whose fault a failure of two series is, by the exit status of the series for Linux alone. */
function whose(exit: number): string {
	if (exit === exitCodes.failed) return 'the series for Linux alone does not pass';
	if (exit === exitCodes.asPredicted) return 'the series for Linux alone passes, so the failure needs the one for QEMU';
	return 'whether the failure needs both series is unknown, since the series for Linux alone has no verdict';
}
