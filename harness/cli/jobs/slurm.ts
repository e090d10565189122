import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { attempt, indices, type JobSet, jobSetsOf } from './job-set.ts';
import { readNight } from './night.ts';
import type { slurmOptions } from './options.ts';
import { writeJobs } from './write.ts';

/** `vpmu jobs slurm`. */
export async function slurm(context: CommandContext, given: Given<typeof slurmOptions>): Promise<number> {
	const sets = await jobSetsOf(context, given, readNight(given.options));
	const files = sets.flatMap(set => [
		[`${set.name}.sbatch`, partsOf(set, given.options.sbatch ?? [])] as const,
		[`${set.name}-merge.sbatch`, mergeOf(set, given.options.sbatch ?? [])] as const,
	]);
	return await writeJobs(context, given.options.out, sets, {
		...Object.fromEntries(files),
		'submit.sh': submitOf(sets),
	});
}

/** Makes a job array with one job per part. Pure. */
export function partsOf(set: JobSet, further: readonly string[]): string {
	const { name, count, tags, setup } = set;
	const index = '$SLURM_ARRAY_TASK_ID';
	const out = `vpmu-parts/${name}-${index}`;
	return script([
		`#SBATCH --job-name=vpmu-${name}`,
		`#SBATCH --array=1-${count}`,
		...node(tags),
		'#SBATCH --requeue',
		'#SBATCH --open-mode=append',
		`#SBATCH --output=vpmu-parts/${name}-%a.log`,
		...further.map(option => `#SBATCH ${option}`),
		`# With 'RequeueExit=${exitCodes.lockBusy}' in slurm.conf, a job that found the counters in use is queued again.`,
		...setup,
		...attempt(set.part(index, out), out),
		'exit $status',
	]);
}

/** Makes a job that merges all parts, however they ended. Pure. */
export function mergeOf(set: JobSet, further: readonly string[]): string {
	const { name, setup, tags } = set;
	const folders = indices(set).map(index => `vpmu-parts/${name}-${index}`);
	return script([
		`#SBATCH --job-name=vpmu-${name}-merge`,
		`#SBATCH --output=vpmu-parts/${name}-merge.log`,
		// New failures run again.
		...(set.night === undefined ? [] : node(tags)),
		...further.map(option => `#SBATCH ${option}`),
		...setup,
		...set.finish(folders),
		'exit $status',
	]);
}

/** A node of the right kind, and only one user of its counters. */
const node = (tags: readonly string[]) => [
	...(tags.length === 0 ? [] : [`#SBATCH --constraint=${tags.join('&')}`]),
	'#SBATCH --exclusive',
	'#SBATCH --gres=pmu:1',
];

function submitOf(sets: readonly JobSet[]): string {
	return [
		'#!/bin/sh',
		'# Submits the parts, and a merge after them; to be started where jobs are to run.',
		'set -eu',
		`here=$(dirname "$0")`,
		'mkdir -p vpmu-parts vpmu-run',
		...sets.flatMap(({ name }) => [
			`id=$(sbatch --parsable "$here/${name}.sbatch")`,
			`sbatch --parsable --dependency="afterany:\${id%%;*}" "$here/${name}-merge.sbatch"`,
		]),
		'',
	].join('\n');
}

/** Slurm reads options only up to the first command. */
function script(lines: readonly string[]): string {
	const options = lines.filter(line => line.startsWith('#'));
	return ['#!/bin/sh', ...options, 'set -eu', ...lines.filter(line => !line.startsWith('#')), ''].join('\n');
}
