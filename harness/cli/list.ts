import { caseFolders, namesOf } from '../plan/case-files.ts';
import { collectCases } from '../plan/collect.ts';
import { planCells } from '../plan/plan.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import type { Command } from './command.ts';
import { casesOption, readSelection, selectOptions } from './select-options.ts';

export const command: Command = {
	name: 'list',
	summary: 'The cells that run would run, with skips and their reasons. Starts nothing.',
	usage: '[CASE...] [OPTION...]',
	options: { ...selectOptions, json: { help: 'as JSON' } },
	positionals: { maximum: 1000 },
	async run({ stdout, cwd, env }, parsed) {
		const { declarations, files } = await collectCases(caseFolders({ cwd, env }, casesOption(parsed)));
		const selection = readSelection(parsed);
		const cells = planCells(declarations, { ...selection, cases: namesOf(selection.cases, files, cwd) });
		if (parsed.options.json) {
			stdout.write(`${JSON.stringify(cells, null, 2)}\n`);
			return exitCodes.asPredicted;
		}
		for (const cell of cells) stdout.write(`${cell.id}${cell.skip === null ? '' : `\n    skip: ${cell.skip}`}\n`);
		const skipped = cells.filter(cell => cell.skip !== null).length;
		stdout.write(
			`\n${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}${skipped === 0 ? '' : `, ${skipped} of them skipped`}\n`,
		);
		return exitCodes.asPredicted;
	},
};
