import { cases, sources } from '../candidates.ts';
import type { Options } from '../command.ts';
import { kernelOptions, runOptions } from '../guests/options.ts';

const { on, qemu, machine, pmu, all, cases: casesFolder, random, seed, jobs, retries } = runOptions;

/** Options of `vpmu series`. */
export const seriesOptions = {
	source: {
		value: 'DIR|TARBALL|debian:SUITE',
		repeatable: true,
		candidates: sources,
		help: 'source of QEMU or Linux that the patches are for; given twice, once for each, for series that belong together',
	},
	case: {
		value: 'CASE',
		repeatable: true,
		candidates: cases,
		help: "run these cases on both builds; default as 'vpmu run' chooses, every case if either build has the PMU choice",
	},
	...{ on, ...kernelOptions, machine, pmu, all, cases: casesFolder, random, seed, jobs, retries },
	range: { value: 'BASE..TIP', help: 'commits of the git tree that --source names, instead of files of patches' },
	as: {
		value: 'USE',
		choices: ['board', 'guest', 'both'],
		help: 'for Linux: whose kernel it is; default by the files that the patches touch',
	},
	config: { value: 'CONFIG', help: 'for Linux: small (default), full, debug, or the path of a .config' },
	selftests: { help: "for Linux: build the kernel's own tests of vCPUs' PMUs and run them on both boards" },
	qemu: { ...qemu, help: 'for Linux: QEMU of both runs: PATH or debian:SUITE; default as in vpmu run' },
	each: { help: 'build after every patch and judge each build; name the first patch that breaks the build or a cell' },
	'configure-args': {
		value: 'ARGS',
		repeatable: true,
		help: "arguments of QEMU's configure, behind vpmu's own: --configure-args='--enable-debug'",
	},
	sanitize: {
		value: 'LIST',
		help: "build with GCC's sanitizers, address or undefined or both; what they report is a failure",
	},
	fresh: { help: 'run the cells of the unpatched build again, even if an earlier run has their results' },
	'build-only': { help: 'stop after both builds, and print where they are' },
	'build-limit': {
		value: 'NAME=VALUE',
		repeatable: true,
		help: 'limit of a build: time=2h, memory=8G, processes=1024, file=4G, disk=20G, output=64M (the defaults)',
	},
	out: { value: 'DIR', help: 'folder of both runs; default vpmu-runs/ID' },
	verbose: { help: 'list every cell, finding and claim of the verdict' },
	json: { help: 'print one JSON document on standard output instead of the tables' },
} as const satisfies Options;
