import { readResults } from '../../../src/run/index.ts';
import { compareRuns, type RunComparison } from '../../run/compare.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import type { compareOptions } from './options.ts';

/** `vpmu compare`. */
export async function compare(
	{ stdout }: CommandContext,
	{ positionals, options }: Given<typeof compareOptions>,
): Promise<number> {
	const [before, after] = positionals.map(readResults);
	const comparison = compareRuns(before!, after!);
	if (options.json) stdout.write(`${JSON.stringify(comparison, null, 2)}\n`);
	else stdout.write(describeRunComparison(comparison));
	return comparison.regressions > 0 ? exitCodes.failed : exitCodes.asPredicted;
}

/** A comparison for people. */
export function describeRunComparison({ changes, same, regressions }: RunComparison): string {
	const lines = changes.map(({ kind, id, what }) => `${kind.padEnd(12)} ${id}\n             ${what}\n`);
	return `${lines.join('')}${same} same, ${changes.length} changed, ${regressions} regressions\n`;
}
