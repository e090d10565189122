import path from 'node:path';
import { VpmuError } from '../../src/lib/index.ts';
import { commandFile } from '../usage/places.ts';
import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { measure, type Turn } from './measure.ts';

/** Measures the gain of running cells in parallel. */
export const selectionBenchmark: Benchmark = {
	name: 'selection',
	summary: "'vpmu run', its cells in parallel and one after the other",
	run,
};

async function run(bench: Bench): Promise<BenchmarkResult> {
	const { rounds = 3, signal, onRound } = bench;
	const measured = await measure(
		[
			{
				name: 'one after the other',
				how: 'vpmu run --jobs 1, a process of its own, from start to end',
				turn: () => selection(bench, ['--jobs', '1']),
			},
			{ name: 'in parallel', how: 'vpmu run', turn: () => selection(bench, []) },
		],
		// At most 0.6 of the time.
		[{ of: 'in parallel', to: 'one after the other', wanted: 1 / 0.6 }],
		// A run warms only the cache for the next one, and the cache is warm already.
		{ rounds, warmUp: 0, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}

async function selection({ host, signal }: Bench, options: readonly string[]): Promise<Turn> {
	await using folder = await host.makeFolder({ own: true });
	const argv = [process.execPath, commandFile, 'run', '--out', path.join(folder.path, 'run'), ...options];
	const startedAt = performance.now();
	const { status, stdout, stderr } = await host.run(argv, { signal, timeoutMs: 1_800_000 });
	const elapsedMs = performance.now() - startedAt;
	if (status === 0) return { operations: 1, elapsedMs };
	const evidence = `${stdout}${stderr}`.trimEnd().split('\n').slice(-20);
	throw new VpmuError(`'vpmu run ${options.join(' ')}' ended with status ${status}`, { blame: 'harness', evidence });
}
