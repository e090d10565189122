import { counted } from '../../../src/lib/index.ts';
import { caseFolders, namesOf } from '../../plan/case-files.ts';
import { collectCases } from '../../plan/collect.ts';
import { planCells } from '../../plan/plan.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import type { listOptions } from './options.ts';
import { readSelection } from './select-options.ts';

/** `vpmu list`. */
export async function list({ stdout, cwd, env }: CommandContext, given: Given<typeof listOptions>): Promise<number> {
	const selection = readSelection(given);
	const { declarations, files } = await collectCases(caseFolders({ cwd, env }, given.options.cases));
	const cells = planCells(declarations, { ...selection, cases: namesOf(selection.cases, files, cwd) });
	if (given.options.json) {
		stdout.write(`${JSON.stringify(cells, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	for (const cell of cells) stdout.write(`${cell.id}${cell.skip === null ? '' : `\n    skip: ${cell.skip}`}\n`);
	const skipped = cells.filter(cell => cell.skip !== null).length;
	stdout.write(`\n${counted(cells.length, 'cell')}${skipped === 0 ? '' : `, ${skipped} of them skipped`}\n`);
	return exitCodes.asPredicted;
}
