import { readResults } from '../../src/run/index.ts';
import { compareRuns, type RunComparison } from '../run/compare.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import type { Command } from './command.ts';

export const command: Command = {
	name: 'compare',
	summary: 'Compares two runs cell by cell; ends with 1 when one got worse.',
	usage: 'BEFORE AFTER [--json]',
	options: { json: { help: 'as JSON' } },
	positionals: { minimum: 2, maximum: 2 },
	async run({ stdout }, { positionals, options }) {
		const [before, after] = positionals.map(readResults);
		const comparison = compareRuns(before!, after!);
		if (options.json) stdout.write(`${JSON.stringify(comparison, null, 2)}\n`);
		else stdout.write(describeRunComparison(comparison));
		return comparison.regressions > 0 ? exitCodes.failed : exitCodes.asPredicted;
	},
};

/** A comparison for people. */
export function describeRunComparison({ changes, same, regressions }: RunComparison): string {
	const lines = changes.map(({ kind, id, what }) => `${kind.padEnd(12)} ${id}\n             ${what}\n`);
	return `${lines.join('')}${same} same, ${changes.length} changed, ${regressions} regressions\n`;
}
