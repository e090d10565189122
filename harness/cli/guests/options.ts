import { kernels, places, sources } from '../candidates.ts';
import type { Options } from '../command.ts';

/** Kernels that options take (docs/kernels.md). */
export const kernelForms =
	'PATH of an Image or of a Debian package, debian:SUITE, small (built once, boots in half the time) or debug (KASAN, lockdep; slow)';

/** The kernel of guests and that of boards, once. */
export const kernelOptions = {
	kernel: {
		value: 'KERNEL',
		candidates: kernels,
		help: `guest kernel: ${kernelForms}; default debian:trixie`,
	},
	'board-kernel': {
		value: 'KERNEL',
		candidates: kernels,
		help: `the board's own kernel: ${kernelForms}; default debian:trixie`,
	},
} as const satisfies Options;

/** Options that choose cells, shared by `run`, `list` and `series`. */
export const selectOptions = {
	on: {
		value: 'WHERE',
		candidates: places,
		help: 'auto (default), local, board, board:TOPOLOGY or ssh://HOST',
	},
	qemu: {
		value: 'QEMU',
		repeatable: true,
		candidates: sources,
		help: 'QEMU under test: PATH or debian:SUITE; default debian:trixie and debian:trixie-backports',
	},
	kernel: {
		...kernelOptions.kernel,
		repeatable: true,
		help: `${kernelOptions.kernel.help}; several: cells with each`,
	},
	'board-kernel': {
		...kernelOptions['board-kernel'],
		repeatable: true,
		help: `${kernelOptions['board-kernel'].help}; several: cells on boards with each`,
	},
	selftests: {
		value: 'DIR',
		help: "the kernel's own tests, for kernel/selftests; default those beside the board's kernel ('vpmu kernel build --selftests')",
	},
	machine: { value: 'LIST', help: "machine types, such as virt,virt-9.2; default the cases' own" },
	pmu: {
		value: 'LIST',
		help: "values of -accel kvm,pmu= (types, or names of event sources); default the cases' own",
	},
	accel: { value: 'ACCEL', choices: ['kvm', 'tcg'], help: 'only cells with this accelerator' },
	all: {
		help: 'without case names: include the full selection (implied if a QEMU supports -accel kvm,pmu=)',
	},
	cases: { value: 'DIR', help: "your own cases; default 'cases' of the project that has vpmu installed" },
	cell: { value: 'ID', repeatable: true, help: 'only this cell, by its id as list or a report prints it' },
	shard: { value: 'I/N', help: 'only part I of N, balanced by past durations' },
	plan: { value: 'FILE', help: "with --shard: the division that 'vpmu plan' wrote, instead of named cases" },
	random: {
		value: 'N',
		integer: { least: 1, most: 1_000_000 },
		help: 'number of simulated hosts in choice/random-hosts; default 60',
	},
	seed: {
		value: 'S',
		integer: { least: 0, most: 4_294_967_295 },
		help: 'seed of these hosts; default 1. Host I of seed S is the first of seed S+I',
	},
	durations: {
		value: 'RUN',
		help: 'with --shard: a run folder with past durations; default the runs of this machine',
	},
} as const satisfies Options;

const atMost = 1_000_000;

/** Options of `vpmu run`. */
export const runOptions = {
	...selectOptions,
	jobs: { value: 'N', integer: { least: 1, most: atMost }, help: 'cells that run in parallel; default one per core' },
	retries: {
		value: 'N',
		integer: { least: 0, most: atMost },
		help: 'retry a cell that ends with an infrastructure error up to N times; default 0',
	},
	'retry-failures': {
		needs: ['retries'],
		help: 'with --retries: retry failures too; a cell that then passes is flaky',
	},
	quarantine: { value: 'FILE', help: 'list of cells whose failures are expected: lines of CELLS YYYY-MM-DD REASON' },
	'no-wait': { help: 'if a needed lock is held, exit with 75 and name the holder' },
	silence: {
		value: 'SECONDS',
		integer: { least: 1, most: atMost },
		help: "give up a cell that shows no progress for this long; default 240, scaled by the host's slowness",
	},
	keep: { help: 'leave the guest of the selected cell running (a detached guest), and print how to attach to it' },
	bisect: { help: 'for git bisect run: exit with 125 if the build or the infrastructure is at fault' },
	label: {
		value: 'KEY=VALUE',
		repeatable: true,
		help: 'a note for the results, such as build=1234, kept in run.labels of results.json',
	},
	out: { value: 'DIR', help: 'run folder; default vpmu-runs/ID' },
	json: { help: 'print the results as JSON on standard output instead of the table' },
} as const satisfies Options;

const { shard: _, plan: _plan, durations: pastDurations, ...wholeOptions } = selectOptions;

/** Options of `vpmu plan`. */
export const planOptions = {
	...wholeOptions,
	shards: { value: 'N', integer: { least: 1, most: atMost }, help: 'number of parts' },
	durations: { ...pastDurations, help: 'a run folder with past durations; default the runs of this machine' },
	out: { value: 'FILE', help: 'the plan; an existing file is replaced' },
} as const satisfies Options;

/** Options of `vpmu list`. */
export const listOptions = { ...selectOptions, json: { help: 'print JSON' } } as const satisfies Options;

const { on } = runOptions;

/** Options of `vpmu shell`. */
export const shellOptions = {
	cell: { value: 'CELL', help: 'a running cell, by its id or a part of it: opens a terminal in that guest' },
	run: { value: 'DIR', needs: ['cell'], help: 'with --cell: the run folder (default: the newest of vpmu-runs)' },
	on,
	qemu: { value: 'QEMU', candidates: sources, help: 'PATH or debian:SUITE (default: debian:trixie)' },
	kernel: kernelOptions.kernel,
	'board-kernel': kernelOptions['board-kernel'],
	machine: { value: 'TYPE', help: 'machine type (default: virt)' },
	pmu: { value: 'VALUE', help: 'value of -accel kvm,pmu=' },
	accel: {
		value: 'ACCEL',
		choices: ['kvm', 'tcg'],
		help: 'default: kvm, and tcg with --on local if this machine has no KVM',
	},
	cpu: { value: 'CPU', help: 'model and properties, such as host,pmu=off (default: host under KVM, else max)' },
	vcpus: { value: 'N', integer: { least: 1, most: 512 }, help: 'default: 1' },
	memory: { value: 'MIB', integer: { least: 1, most: 9_999_999 }, help: 'default: 512' },
	append: {
		value: 'ARGUMENTS',
		help: "add to the kernel's command line, such as loglevel=7 for its messages during the boot",
	},
	artifacts: { value: 'DIR', help: 'keep console.log, qmp.ndjson and the rest there' },
} as const satisfies Options;

/** Options of `vpmu kept`. */
export const keptOptions = { json: { help: 'print JSON' } } as const satisfies Options;
