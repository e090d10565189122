import { UsageError } from '../../../src/lib/index.ts';
import { defaultRandomHosts, type Selection } from '../../plan/plan.ts';
import { readPlanFile } from '../../plan/plan-file.ts';
import { choicesOf, defaultSelection, foreignProgram, parseKernel, parseList, parseSource } from '../../plan/select.ts';
import { selftestsBeside, selftestsIn } from '../../plan/selftests/selftests.ts';
import { durationsOfRun, storedDurations } from '../../plan/shards.ts';
import type { Given } from '../command.ts';
import type { selectOptions } from './options.ts';

/** Parses the options that select cells. @throws UsageError */
export function readSelection({
	options,
	positionals,
	argv,
}: Given<typeof selectOptions>): Selection & { kernel: string; boardKernel: string } {
	const qemus = options.qemu?.map(one => parseSource(one, '--qemu', { executable: true }));
	const { machine, pmu } = options;
	const { shard, cells } = readShard(options, positionals);
	const choices = choicesOf(qemus ?? []);
	const place = defaultSelection(positionals, options.on);
	const kernels = readKernels(options.kernel, '--kernel', cells);
	const boardKernels = readKernels(options['board-kernel'], '--board-kernel', cells);
	if (boardKernels.all.length > 1 && !place.on.startsWith('board')) {
		throw new UsageError(
			`option '--board-kernel' is given ${boardKernels.all.length} times, and '--on ${place.on}' is not a board, which alone can have another kernel`,
		);
	}
	return {
		...place,
		...readSelftests(options.selftests, place.on.startsWith('board') ? boardKernels.all : []),
		...(kernels.axis === undefined ? {} : { kernels: kernels.axis }),
		...(boardKernels.axis === undefined ? {} : { boardKernels: boardKernels.axis }),
		command: argv.slice(1, argv[1] === 'jobs' ? 3 : 2).join(' '),
		...(qemus === undefined ? {} : { qemus, tcgQemus: qemus.map(qemu => ({ qemu, skip: foreignProgram(qemu) })) }),
		...(machine === undefined ? {} : { machines: parseList(machine, '--machine') }),
		...(pmu === undefined ? {} : { pmus: parseList(pmu, '--pmu') }),
		...(options.accel === undefined ? {} : { accel: options.accel }),
		random: {
			count: options.random ?? defaultRandomHosts.count,
			seed: options.seed ?? defaultRandomHosts.seed,
		},
		...(cells === undefined ? {} : { cells }),
		all: options.all || Object.values(choices).includes(true),
		choices,
		...(shard === undefined ? {} : { shard }),
		kernel: kernels.all[0]!,
		boardKernel: boardKernels.all[0]!,
	};
}

/**
 * Reads the kernels of guests or boards. Several are an axis of the matrix, and stand in the ids of cells; so does a single one for
 * cells whose ids name it, as when one cell of such a matrix is run again. @throws UsageError
 */
function readKernels(
	given: readonly string[] | undefined,
	option: '--kernel' | '--board-kernel',
	cells: readonly string[] | undefined,
): { readonly all: readonly string[]; readonly axis: readonly (string | null)[] | undefined } {
	const all = [...new Set((given ?? ['debian:trixie']).map(one => parseKernel(one, option)))];
	if (cells === undefined) return { all, axis: all.length > 1 ? all : undefined };
	const isNamed = cells.some(id => id.includes(`,${option.slice(2)}=`));
	return { all, axis: isNamed || all.length > 1 ? [null, ...all] : undefined };
}

/** The folders of the kernel's own tests, by the kernel of boards: those that the user names, else those beside it. @throws UsageError */
function readSelftests(named: string | undefined, boardKernels: readonly string[]): Pick<Selection, 'selftests'> {
	const folder = named === undefined ? undefined : selftestsIn(named);
	const found = ['', ...boardKernels].flatMap(kernel => {
		const own = folder ?? selftestsBeside(kernel === '' ? (boardKernels[0] ?? '') : kernel);
		return own === undefined ? [] : [[kernel, own] as const];
	});
	return found.length === 0 ? {} : { selftests: Object.fromEntries(found) };
}

/** Reads the options that choose a part of the cells, by a plan or by past durations. @throws UsageError */
function readShard(
	{ shard: text, plan, durations: run, cell: cells }: Given<typeof selectOptions>['options'],
	cases: readonly string[],
): Pick<Selection, 'shard' | 'cells'> {
	const [, first, second] = /^(\d{1,7})\/(\d{1,7})$/.exec(text ?? '') ?? [];
	const [index, count] = [Number(first), Number(second)];
	if (text !== undefined && !(index >= 1 && index <= count)) {
		throw new UsageError(`'${text}' of option '--shard' does not name a part; allowed: I/N with 1 <= I <= N`);
	}
	const given = Object.entries({ plan, durations: run }).find(([, value]) => value !== undefined);
	if (given !== undefined && text === undefined) throw new UsageError(`option '--${given[0]}' needs '--shard I/N'`);
	if (text === undefined) return cells === undefined ? {} : { cells };
	if (plan === undefined) {
		const durations = run === undefined ? storedDurations(process.env) : durationsOfRun(run);
		return { ...(cells === undefined ? {} : { cells }), shard: { index, count, durations } };
	}
	const also = [
		...(cases.length > 0 ? [`case '${cases[0]}'`] : []),
		...(cells !== undefined ? ["option '--cell'"] : []),
		...(run !== undefined ? ["option '--durations'"] : []),
	][0];
	if (also !== undefined) throw new UsageError(`${also} cannot stand with '--plan': the plan says which cells are run`);
	const file = readPlanFile(plan);
	if (file.count !== count) {
		throw new UsageError(
			`'${text}' of option '--shard' does not fit the plan '${plan}', which has ${file.count} parts`,
		);
	}
	return {
		cells: file.cells.filter(({ shard }) => shard === index).map(({ id }) => id),
		shard: { index, count, division: file.division },
	};
}
