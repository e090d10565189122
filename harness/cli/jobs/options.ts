import type { Options } from '../command.ts';
import { planOptions, runOptions } from '../guests/options.ts';

const { out: _, shards, ...selecting } = planOptions;
const { jobs, retries, 'retry-failures': retryFailures, 'no-wait': noWait, silence, label } = runOptions;

/** Options of `vpmu run` that jobs pass on unchanged. */
export const passedOptions = {
	...{ on: selecting.on, qemu: selecting.qemu, kernel: selecting.kernel, 'board-kernel': selecting['board-kernel'] },
	...{ machine: selecting.machine, pmu: selecting.pmu, accel: selecting.accel, all: selecting.all },
	...{ cases: selecting.cases, random: selecting.random, seed: selecting.seed },
	...{ jobs, retries, 'retry-failures': retryFailures, 'no-wait': noWait, silence, label },
} as const satisfies Options;

const shared = {
	...selecting,
	...passedOptions,
	on: {
		...selecting.on,
		help: "where each job runs its guests: default local for hosts with the tag kvm, else board; not 'auto', as a plan names hosts",
	},
	host: {
		value: '[NAME=]TAGS',
		repeatable: true,
		help: "hosts that are alike, by tags of 'vpmu probe --tags', such as kvm,biglittle; each gets a run of its own",
	},
	shards: { ...shards, help: 'jobs for each kind of host; default 1' },
	vpmu: { value: 'COMMAND', help: "how jobs call vpmu; default 'npx vpmu'" },
	setup: { value: 'LINE', repeatable: true, help: "a line of shell before each job's own, such as 'npm ci'" },
	out: {
		value: 'DIR',
		help: "folder of the files; jobs find the plans there, so it is best in the repository; default 'vpmu-jobs'",
	},
} as const satisfies Options;

/** Options of `vpmu jobs github`. */
export const githubOptions = {
	...shared,
	nightly: { value: 'CRON', help: "start every night, such as '17 2 * * *' (UTC); default only by hand" },
} as const satisfies Options;

/** Options of `vpmu jobs gitlab`. */
export const gitlabOptions = {
	...shared,
	'parent-job': {
		value: 'JOB',
		help: 'for a child pipeline: the job of the parent that wrote these files, and has them as artifacts',
	},
} as const satisfies Options;

/** Options of `vpmu jobs lava`. */
export const lavaOptions = {
	...shared,
	'device-type': { value: 'TYPE', help: "LAVA's device type; default ssh" },
	publish: {
		value: 'LINE',
		help: 'a line of shell after each job that stores its run folder, $VPMU_RUN, where a merge finds it',
	},
} as const satisfies Options;

/** Options of `vpmu jobs slurm`. */
export const slurmOptions = {
	...shared,
	sbatch: { value: 'OPTION', repeatable: true, help: 'a further option of sbatch, such as --partition=arm' },
} as const satisfies Options;

/** Options that all engines share. */
export type SharedJobsOptions = typeof shared;
