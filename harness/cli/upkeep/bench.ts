import os from 'node:os';
import { type Host, localHost } from '../../../src/host/index.ts';
import { debianPackage, hostArchitecture } from '../../../src/image/index.ts';
import { counted, screen } from '../../../src/lib/index.ts';
import { smallVirt } from '../../../src/qemu/index.ts';
import type { Bench, Benchmark, BenchmarkResult } from '../../bench/benchmark.ts';
import { guestBenchmark } from '../../bench/guest.ts';
import { inspectBenchmark } from '../../bench/inspect.ts';
import { nestedBenchmark } from '../../bench/nested.ts';
import { qmpBenchmark } from '../../bench/qmp.ts';
import { repliesBenchmark } from '../../bench/replies.ts';
import { selectionBenchmark } from '../../bench/selection.ts';
import { parseSource } from '../../plan/select.ts';
import { kernelArguments } from '../../run/resources/kernel-arguments.ts';
import type { CommandContext } from '../../usage/context.ts';
import { unknownName } from '../../usage/unknown-name.ts';
import type { Given } from '../command.ts';
import { hostOn, qemuCommand, resourcesFor } from '../resources.ts';
import { benchmarkNames, type benchOptions } from './options.ts';

const byName: Readonly<Record<(typeof benchmarkNames)[number], Benchmark>> = {
	...{ qmp: qmpBenchmark, replies: repliesBenchmark, inspect: inspectBenchmark },
	...{ guest: guestBenchmark, nested: nestedBenchmark, selection: selectionBenchmark },
};
const benchmarks = benchmarkNames.map(name => byName[name]);

/** The first Debian suite that packages Python's `qemu.qmp`. */
const pythonQmp = { suite: 'forky', name: 'python3-qemu-qmp' };

/** `vpmu bench`. */
export async function bench(
	context: CommandContext,
	{ options, positionals }: Given<typeof benchOptions>,
): Promise<number> {
	for (const name of positionals) {
		if (!benchmarkNames.some(one => one === name)) {
			throw unknownName('benchmark', name, "of 'vpmu bench'", benchmarkNames);
		}
	}
	const source = parseSource(options.qemu ?? 'debian:trixie', '--qemu', { executable: true });
	const chosen = positionals.length === 0 ? benchmarks : benchmarks.filter(({ name }) => positionals.includes(name));

	await using resources = resourcesFor(context);
	await using host = localHost();
	const { signal, stdout, stderr } = context;
	const command = await qemuCommand(resources, host, source);
	const bootable = async (where: Host) => ({
		kernel: (await resources.guests.kernelOn(where, 'debian:trixie')).path,
		initrd: await resources.guests.initrdOn(where, 'debian:trixie'),
		append: kernelArguments,
	});
	const means: Omit<Bench, 'onRound'> = {
		...{ host, rounds: options.rounds, signal },
		qemu: { command, label: source },
		guest: async () => ({
			...{ qemu: { command }, machine: 'virt', machineProperties: smallVirt, accel: 'tcg' },
			...{ cpu: 'max', cpuProperties: { 'pauth-impdef': true }, vcpus: 1, memoryMiB: 512 },
			...(await bootable(host)),
		}),
		nested: async () => {
			const board = await hostOn(resources, 'board:uniform');
			const there = { command: await qemuCommand(resources, board, source) };
			const machine = { machine: 'virt', machineProperties: smallVirt, accel: 'kvm', cpu: 'host' } as const;
			return { host: board, spec: { qemu: there, ...machine, vcpus: 1, memoryMiB: 256, ...(await bootable(board)) } };
		},
		pythonQmp: async () =>
			(await debianPackage(await resources.cache(), { ...pythonQmp, architecture: hostArchitecture() })).folder,
	};
	const results: Record<string, BenchmarkResult> = {};
	for (const { name, run: measure } of chosen) {
		const onRound = (done: number, all: number) => {
			if (stderr.isTTY) stderr.write([screen.clearLine, done === all ? '' : `${name}: round ${done} of ${all}`]);
		};
		const result = await measure({ ...means, onRound });
		results[name] = result;
		if (!options.json) stdout.write(describe(name, means.qemu.label, result));
	}
	if (options.json) {
		const machine = { node: process.version, architecture: process.arch, cpus: os.availableParallelism() };
		const report = { schema: 'vpmu-bench/1', machine, qemu: means.qemu, benchmarks: results };
		stdout.write(`${JSON.stringify(report, null, 2)}\n`);
	}
	return 0;
}

/** Describes a benchmark. */
function describe(name: string, qemu: string, { rounds, figures, ratios, leftOut }: BenchmarkResult): string {
	const width = Math.max(...figures.map(figure => figure.name.length));
	const goal = (wanted: string, met: boolean | null) => (met === null ? '' : `; ${wanted}: ${met ? 'met' : 'NOT MET'}`);
	return `${[
		`${name}, on ${qemu}, medians of ${counted(rounds, 'round')} with quartiles:`,
		'',
		`  ${''.padEnd(width)}          /s        ms    CPU us`,
		...figures.map(({ name: who, perSecond, cpuUs, withinMs, met }) => {
			const { median } = perSecond;
			const rate = median < 100 ? median.toFixed(2) : median.toFixed(0);
			const cells = [rate, (1000 / median).toFixed(3), cpuUs?.toFixed(0) ?? '-'].map(cell => cell.padStart(10));
			return `  ${who.padEnd(width)}  ${cells.join('')}${goal(`wanted within ${withinMs} ms`, met)}`;
		}),
		'',
		...ratios.map(({ of, to, median, lowerQuartile, upperQuartile, wanted, met }) => {
			const quartiles = `${lowerQuartile.toFixed(2)} to ${upperQuartile.toFixed(2)}`;
			return `  ${median.toFixed(2)}  ${of} / ${to}  (${quartiles}${goal(`wanted ${wanted?.toFixed(2)}`, met)})`;
		}),
		...leftOut.map(({ name: who, reason }) => `  left out: ${who}: ${reason}`),
		'',
		...figures.map(figure => `  ${figure.name.padEnd(width)}  ${figure.how}`),
	].join('\n')}\n\n`;
}
