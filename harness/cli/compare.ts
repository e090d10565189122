import { readResults } from '../../src/index.ts';
import { compareRuns } from '../compare.ts';
import { exitCodes } from '../exit-codes.ts';
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
		else {
			for (const { kind, id, what } of comparison.changes)
				stdout.write(`${kind.padEnd(12)} ${id}\n             ${what}\n`);
			stdout.write(
				`${comparison.same} same, ${comparison.changes.length} changed, ${comparison.regressions} regressions\n`,
			);
		}
		return comparison.regressions > 0 ? exitCodes.failed : exitCodes.asPredicted;
	},
};
