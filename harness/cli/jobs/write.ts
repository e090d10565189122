import path from 'node:path';
import { counted, makeFolderSync, messageOf, UsageError, writeWhole } from '../../../src/lib/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { JobSet } from './job-set.ts';

/** Writes the engine's files and the plans, and prints their names; submits nothing. @throws UsageError */
export async function writeJobs(
	{ stdout, cwd }: CommandContext,
	out: string | undefined,
	sets: readonly JobSet[],
	files: Readonly<Record<string, string>>,
	againOf: (set: JobSet) => readonly string[] | undefined = () => undefined,
): Promise<number> {
	const folder = out ?? 'vpmu-jobs';
	const plans = sets.map(
		({ plan, planPath }) => [path.basename(planPath), `${JSON.stringify(plan, null, '\t')}\n`] as const,
	);
	const nights = sets.flatMap(set =>
		set.night === undefined ? [] : [[path.basename(set.nightPath), set.night(againOf(set))] as const],
	);
	try {
		makeFolderSync(path.resolve(cwd, folder));
		for (const [name, text] of [...plans, ...nights, ...Object.entries(files)]) {
			await writeWhole(path.resolve(cwd, folder, name), text);
			stdout.write(`${path.join(folder, name)}\n`);
		}
	} catch (error) {
		throw new UsageError(`cannot write into '${folder}' (--out): ${messageOf(error)}`, { cause: error });
	}
	for (const { name, count, plan } of sets) {
		const them = `${counted(plan.cells.length, 'cell')} in ${counted(count, 'part')}`;
		stdout.write(`${name}: division ${plan.division}, ${them}\n`);
	}
	return exitCodes.asPredicted;
}
