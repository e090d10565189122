import path from 'node:path';
import { PrettyReport } from '../../../src/report/index.ts';
import { readPlanFile } from '../../plan/plan-file.ts';
import { mergeFolders } from '../../run/merge.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import type { mergeOptions } from './options.ts';

/** `vpmu merge`. */
export async function merge(
	{ stdout, cwd, signal }: CommandContext,
	{ argv, positionals, options }: Given<typeof mergeOptions>,
): Promise<number> {
	const plan = options.plan === undefined ? undefined : readPlanFile(path.resolve(cwd, options.plan));
	const { results, folder, exit } = await mergeFolders({
		...{ argv, parts: positionals, out: options.out, plan, cwd, signal },
	});
	const shown = path.relative(cwd, folder) || '.';
	stdout.write(options.json ? `${JSON.stringify(results, null, 2)}\n` : PrettyReport.of(results, shown));
	return exit;
}
