import { cases } from '../candidates.ts';
import { command, type GroupSpec } from '../command.ts';
import { githubOptions, gitlabOptions, lavaOptions, slurmOptions } from './options.ts';

const positionals = { maximum: 1000, candidates: cases };
const usage = '[CASE...] [--host [NAME=]TAGS]... [--shards N] [--setup LINE]... [--out DIR] [OPTION...]';
const details = (what: string) =>
	`Write ${what}, with a frozen plan for each kind of host; nothing is submitted. Options of run are passed on.`;

export const jobs: GroupSpec = {
	summary: 'files that GitLab, GitHub, LAVA or Slurm run; nothing is submitted',
	actions: {
		gitlab: command({
			summary: 'a (child) pipeline: a job for each part, and a merge',
			details: details('a pipeline that has a job for each part and one that merges them'),
			usage: `${usage} [--parent-job JOB]`,
			...{ options: gitlabOptions, positionals },
			load: async () => (await import('./gitlab.ts')).gitlab,
		}),
		github: command({
			summary: 'a workflow: a job for each part, and a merge',
			details: details('a workflow that has a job for each part and one that merges them'),
			usage: `${usage} [--nightly CRON]`,
			...{ options: githubOptions, positionals },
			load: async () => (await import('./github.ts')).github,
		}),
		lava: command({
			summary: 'a job definition for each part',
			details: details('a job definition for each part, which brings its plan with it'),
			usage: `${usage} [--device-type TYPE] [--publish LINE]`,
			...{ options: lavaOptions, positionals },
			load: async () => (await import('./lava.ts')).lava,
		}),
		slurm: command({
			summary: 'an array of jobs, and a merge after it',
			details: details('an array of jobs, one that merges them, and a script that submits both'),
			usage: `${usage} [--sbatch OPTION]...`,
			...{ options: slurmOptions, positionals },
			load: async () => (await import('./slurm.ts')).slurm,
		}),
	},
};
