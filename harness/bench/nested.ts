import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { bareArguments, bootBare, bootOwn, plainArguments } from './boots.ts';
import { measure } from './measure.ts';

/** Measures how soon a guest under KVM on a board answers. */
export const nestedBenchmark: Benchmark = {
	name: 'nested',
	summary: 'boot to the first command under KVM, on a board',
	run,
};

async function run({ nested, rounds = 5, signal, onRound }: Bench): Promise<BenchmarkResult> {
	const { host, spec } = await nested();
	const withPort = { ...spec, ports: ['vpmu'] };
	const measured = await measure(
		[
			{
				name: 'plain arguments',
				how: "QEMU with -M virt,gic-version=3 -cpu host -m 512M -nographic; the same kernel and initramfs, console=ttyAMA0 quiet; from spawn over ssh to the image's first line",
				turn: () => bootBare(host, plainArguments(spec, 'console=ttyAMA0 quiet'), signal),
			},
			{
				name: 'bare boot',
				how: 'QEMU with the arguments of a cell, started over ssh, its console only read; from spawn to the first line',
				turn: () => bootBare(host, bareArguments(spec), signal),
			},
			{
				name: 'first command',
				how: "startMachine, shell.run(['/vpmu/workload', 'loop', '1']), over the console; from the call to the command's end",
				turn: () => bootOwn(host, spec, signal),
			},
			{
				name: 'first command on a port',
				how: 'the same over a virtio port, as in cells: available later, and faster from then on',
				turn: () => bootOwn(host, withPort, signal),
			},
		],
		// At most 1.03 times as long.
		[
			{ of: 'first command', to: 'bare boot', wanted: 0.97 },
			{ of: 'first command on a port', to: 'bare boot' },
			{ of: 'first command', to: 'plain arguments', wanted: 0.97 },
		],
		{ rounds, warmUp: 1, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}
