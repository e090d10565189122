import { UsageError } from '../../src/lib/index.ts';
import type { Selection } from '../plan/plan.ts';
import { choicesOf, defaultQemus, defaultSelection, foreignProgram, parseList, parseSource } from '../plan/select.ts';
import { durationsOfRun, storedDurations } from '../plan/shards.ts';
import type { OptionSpec, ParsedCommand } from './command.ts';

/** Options that choose cells, shared by `run`, `list` and `shell`. */
export const selectOptions = {
	on: { value: 'WHERE', help: 'auto (default), local, board, board:TOPOLOGY or ssh://HOST' },
	qemu: {
		value: 'QEMU',
		repeatable: true,
		help: `QEMU under test: PATH or debian:SUITE; default ${defaultQemus.join(' and ')}`,
	},
	kernel: { value: 'KERNEL', help: 'guest kernel: PATH or debian:SUITE; default debian:trixie' },
	'board-kernel': { value: 'KERNEL', help: "the board's own kernel: PATH or debian:SUITE; default debian:trixie" },
	machine: { value: 'LIST', help: "machine types, such as virt,virt-9.2; default the cases' own" },
	pmu: { value: 'LIST', help: "values of -accel kvm,pmu= (types, or names of event sources); default the cases' own" },
	accel: { value: 'ACCEL', choices: ['kvm', 'tcg'], help: 'only cells of this accelerator' },
	all: { help: 'where no case is named: those of the full selection too (implied by a QEMU that has the PMU choice)' },
	cases: { value: 'DIR', help: "your own cases; default 'cases' of the project that has vpmu installed" },
	cell: { value: 'ID', repeatable: true, help: 'only this cell, by the id that list prints' },
	shard: {
		value: 'I/N',
		help: 'only the I-th of N parts of the cells, of about the same length by what they took before',
	},
	durations: {
		value: 'RUN',
		help: 'with --shard: what cells took, from a run folder; default the runs of this machine',
	},
} as const satisfies Record<string, OptionSpec>;

const text = (value: ParsedCommand['options'][string]) => (typeof value === 'string' ? value : undefined);

/** The folder that `--cases` names. */
export function casesOption({ options }: ParsedCommand): string | undefined {
	return text(options.cases);
}

/** Reads the options of {@link selectOptions}. @throws UsageError */
export function readSelection({
	options,
	positionals,
}: ParsedCommand): Selection & { kernel: string; boardKernel: string } {
	const qemus = Array.isArray(options.qemu) ? options.qemu.map(one => parseSource(one, '--qemu', true)) : undefined;
	const shard = /^(\d+)\/(\d+)$/.exec(text(options.shard) ?? '');
	if (options.shard !== undefined && (shard === null || Number(shard[1]) < 1 || Number(shard[1]) > Number(shard[2]))) {
		throw new UsageError(`'${options.shard}' of option '--shard' is no part; allowed: I/N with 1 <= I <= N`);
	}
	const given = text(options.durations);
	if (given !== undefined && shard === null) throw new UsageError("option '--durations' needs '--shard I/N'");
	const durations = given === undefined ? (shard === null ? {} : storedDurations(process.env)) : durationsOfRun(given);
	const choices = choicesOf(qemus ?? []);
	const machine = text(options.machine);
	const pmu = text(options.pmu);
	return {
		...defaultSelection(positionals, text(options.on)),
		...(qemus === undefined ? {} : { qemus, tcgQemus: qemus.map(qemu => ({ qemu, skip: foreignProgram(qemu) })) }),
		...(machine === undefined ? {} : { machines: parseList(machine, '--machine') }),
		...(pmu === undefined ? {} : { pmus: parseList(pmu, '--pmu') }),
		...(options.accel === undefined ? {} : { accel: options.accel as 'kvm' | 'tcg' }),
		...(Array.isArray(options.cell) ? { cells: options.cell } : {}),
		all: options.all === true || Object.values(choices).includes(true),
		choices,
		...(shard === null ? {} : { shard: { index: Number(shard[1]), count: Number(shard[2]), durations } }),
		kernel: parseSource(text(options.kernel) ?? 'debian:trixie', '--kernel'),
		boardKernel: parseSource(text(options['board-kernel']) ?? 'debian:trixie', '--board-kernel'),
	};
}
