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

/** The words of a command line that passes these options on. */
export function passedWords(options: Readonly<Record<string, unknown>>): string[] {
	return wordsOf(Object.keys(passedOptions), options);
}

function wordsOf(names: readonly string[], options: Readonly<Record<string, unknown>>): string[] {
	return names.flatMap(name => {
		const value = options[name];
		if (value === undefined || value === false) return [];
		if (value === true) return [`--${name}`];
		return (Array.isArray(value) ? value : [value]).flatMap(one => [`--${name}`, String(one)]);
	});
}

/** Options of a nightly run, whatever the engine. */
export const nightlyOptions = {
	night: {
		help: 'a nightly run: tell what is new, run new failures again once, bisect and post them (see vpmu history night)',
	},
	tree: {
		value: 'DIR',
		needs: ['night', 'nightly'],
		help: 'with --night: the git tree of what is under test, to bisect new failures in',
	},
	build: {
		value: 'LINE',
		repeatable: true,
		needs: ['tree'],
		help: 'with --tree: a line of shell that builds a commit of it',
	},
	post: {
		value: 'LINE',
		needs: ['night', 'nightly'],
		help: 'with --night: a line of shell that posts what is new: $VPMU_NEWS (Markdown), $VPMU_MAIL (72 columns)',
	},
} as const satisfies Options;

/** The words of a command line of `vpmu plan` that chooses the same cells. */
export function planWords(options: Readonly<Record<string, unknown>>): string[] {
	const names = Object.keys(selecting).filter(name => name !== 'durations');
	return wordsOf(names, options);
}

const shared = {
	...selecting,
	...passedOptions,
	...nightlyOptions,
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
	nightly: { value: 'CRON', help: "--night, and start every night, such as '17 2 * * *' (UTC); default only by hand" },
	built: {
		value: 'PATH',
		repeatable: true,
		help: 'with --build: what the other jobs need of the job that builds and plans every night, such as the tree',
	},
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
	published: {
		value: 'DIR',
		needs: ['night'],
		help: "with --night: where the machine that submits finds the folders that --publish stored; default 'vpmu-parts'",
	},
} as const satisfies Options;

/** Options of `vpmu jobs slurm`. */
export const slurmOptions = {
	...shared,
	sbatch: { value: 'OPTION', repeatable: true, help: 'a further option of sbatch, such as --partition=arm' },
} as const satisfies Options;

/** Options that all engines share. */
export type SharedJobsOptions = typeof shared;
