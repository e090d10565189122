import { UsageError } from '../../../src/lib/index.ts';
import { defaultRandomHosts, type Selection } from '../../plan/plan.ts';
import { choicesOf, defaultSelection, foreignProgram, parseList, parseSource } from '../../plan/select.ts';
import { durationsOfRun, storedDurations } from '../../plan/shards.ts';
import type { Given } from '../command.ts';
import type { selectOptions } from './options.ts';

/** Reads the options that choose cells. @throws UsageError */
export function readSelection({
	options,
	positionals,
}: Given<typeof selectOptions>): Selection & { kernel: string; boardKernel: string } {
	const qemus = options.qemu?.map(one => parseSource(one, '--qemu', true));
	const shard = /^(\d+)\/(\d+)$/.exec(options.shard ?? '');
	if (options.shard !== undefined && (shard === null || Number(shard[1]) < 1 || Number(shard[1]) > Number(shard[2]))) {
		throw new UsageError(`'${options.shard}' of option '--shard' does not name a part; allowed: I/N with 1 <= I <= N`);
	}
	const { durations: given, machine, pmu } = options;
	if (given !== undefined && shard === null) throw new UsageError("option '--durations' needs '--shard I/N'");
	const durations = given === undefined ? (shard === null ? {} : storedDurations(process.env)) : durationsOfRun(given);
	const choices = choicesOf(qemus ?? []);
	return {
		...defaultSelection(positionals, options.on),
		...(qemus === undefined ? {} : { qemus, tcgQemus: qemus.map(qemu => ({ qemu, skip: foreignProgram(qemu) })) }),
		...(machine === undefined ? {} : { machines: parseList(machine, '--machine') }),
		...(pmu === undefined ? {} : { pmus: parseList(pmu, '--pmu') }),
		...(options.accel === undefined ? {} : { accel: options.accel }),
		random: {
			count: options.random ?? defaultRandomHosts.count,
			seed: options.seed ?? defaultRandomHosts.seed,
		},
		...(options.cell === undefined ? {} : { cells: options.cell }),
		all: options.all || Object.values(choices).includes(true),
		choices,
		...(shard === null ? {} : { shard: { index: Number(shard[1]), count: Number(shard[2]), durations } }),
		kernel: parseSource(options.kernel ?? 'debian:trixie', '--kernel'),
		boardKernel: parseSource(options['board-kernel'] ?? 'debian:trixie', '--board-kernel'),
	};
}
