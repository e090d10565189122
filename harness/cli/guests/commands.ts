import { cases } from '../candidates.ts';
import { command, type GroupSpec } from '../command.ts';
import { keptOptions, listOptions, planOptions, runOptions, shellOptions } from './options.ts';

export const run = command({
	summary: 'plan, run and report cells (the main job)',
	details:
		'Plan, run and report cells: boots guests, asks QEMU over QMP, counts with perf, compares with the prediction.',
	usage: '[CASE...] [OPTION...]',
	options: runOptions,
	positionals: { maximum: 1000, candidates: cases },
	load: async () => (await import('./run.ts')).run,
});

export const list = command({
	summary: 'list the cells that run would run; starts nothing',
	details: 'List the cells that run would run, with the reason of each skip. Starts nothing.',
	usage: '[CASE...] [OPTION...]',
	options: listOptions,
	positionals: { maximum: 1000, candidates: cases },
	load: async () => (await import('./list.ts')).list,
});

export const plan = command({
	summary: 'divide the cells of a run into parts, once for all of them',
	details:
		'Divide the cells of a run into parts of about the same length and write the division down. Each part is run by run --plan FILE --shard I/N, on whatever machine; merge joins them. Starts nothing.',
	usage: '[CASE...] --shards N --out FILE [OPTION...]',
	options: planOptions,
	positionals: { maximum: 1000, candidates: cases },
	load: async () => (await import('./plan.ts')).plan,
});

export const shell = command({
	summary: 'a guest to work in',
	details:
		'Start a guest and attach the terminal to its console, or attach it to a guest of a run in progress. Ctrl-A X leaves; Ctrl-A H shows the keys.',
	usage:
		'[--qemu QEMU] [--machine TYPE] [--pmu VALUE] [--accel kvm|tcg] [--kernel KERNEL] [--board-kernel KERNEL] [--append ARGUMENTS] [--on WHERE] | --cell CELL [--run DIR]',
	options: shellOptions,
	load: async () => (await import('./shell.ts')).shell,
});

const keptGuests = async () =>
	(await (await import('../../run/kept/kept.ts')).listKept(process.env)).map(({ id }) => id);

export const kept: GroupSpec = {
	summary: "guests that 'run --keep' left: list, console, end",
	actions: {
		list: command({
			summary: "the guests that 'vpmu run --keep' left running",
			usage: '[--json]',
			options: keptOptions,
			load: async () => (await import('./kept.ts')).list,
		}),
		console: command({
			summary: 'attach the terminal to the console of a detached guest',
			usage: '[RUN]',
			options: {},
			positionals: { maximum: 1, candidates: keptGuests },
			load: async () => (await import('./kept.ts')).console,
		}),
		end: command({
			summary: 'end a detached guest, or all of them',
			usage: '[RUN]',
			options: {},
			positionals: { maximum: 1, candidates: keptGuests },
			load: async () => (await import('./kept.ts')).end,
		}),
	},
};
