import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { bareArguments, bootBare, bootOwn } from './boots.ts';
import { measure } from './measure.ts';

/** How soon a guest under KVM answers, on a board. */
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
				name: 'bare boot',
				how: 'QEMU with the arguments of a cell, started over ssh, its console read and nothing else; to the first line',
				turn: () => bootBare(host, bareArguments(spec), signal),
			},
			{
				name: 'first command',
				how: "startMachine, shell.run(['/vpmu/workload', 'loop', '1']), over the console; from the call to the command's end",
				turn: () => bootOwn(host, spec, signal),
			},
			{
				name: 'first command on a port',
				how: 'the same over a virtio port, as cells do: later to be there, and faster from then on',
				turn: () => bootOwn(host, withPort, signal),
			},
		],
		// 1.03 times as long, at most.
		[
			{ of: 'first command', to: 'bare boot', wanted: 0.97 },
			{ of: 'first command on a port', to: 'bare boot' },
		],
		{ rounds, warmUp: 1, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}
