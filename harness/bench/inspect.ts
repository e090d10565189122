import type { Host } from '../../src/host/index.ts';
import { VpmuError } from '../../src/lib/index.ts';
import { connectQmp } from '../../src/qmp/index.ts';
import { startBareQemu } from '../qmp-shell/bare-qemu.ts';
import { commandFile } from '../usage/places.ts';
import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { measure, type Turn } from './measure.ts';

/** Compares `vpmu inspect`, started as by a user, with the least work that asks QEMU a question. */
export const inspectBenchmark: Benchmark = {
	name: 'inspect',
	summary: "'vpmu inspect --json' from start to end",
	run,
};

async function run({ host, qemu, rounds = 9, signal, onRound }: Bench): Promise<BenchmarkResult> {
	const argv = [process.execPath, commandFile, 'inspect', '--qemu', qemu.label, '--json'];
	const measured = await measure(
		[
			{
				name: 'one question',
				how: 'starts the QEMU with -machine none, connects, negotiates, asks query-version, ends it; in this process',
				turn: () => elapsed(() => askOneQuestion(host, qemu.command)),
			},
			{
				name: 'vpmu inspect',
				how: 'node harness/bin.mjs inspect --qemu QEMU --json, a process of its own',
				withinMs: 1000,
				turn: () => elapsed(() => runCommand(host, argv, signal)),
			},
		],
		[{ of: 'vpmu inspect', to: 'one question' }],
		{ rounds, warmUp: 1, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}

async function elapsed(work: () => Promise<void>): Promise<Turn> {
	const startedAt = performance.now();
	await work();
	return { operations: 1, elapsedMs: performance.now() - startedAt };
}

async function askOneQuestion(host: Host, command: readonly string[]): Promise<void> {
	await using qemu = await startBareQemu(host, command);
	await using qmp = await connectQmp(qemu.socketPath, { retry: true, timeoutMs: 30_000 });
	await qmp.execute('query-version');
}

async function runCommand(host: Host, argv: readonly string[], signal: AbortSignal): Promise<void> {
	const { status, stderr } = await host.run(argv, { signal, timeoutMs: 60_000 });
	if (status === 0) return;
	const evidence = stderr.toString('utf8').trim().split('\n');
	throw new VpmuError(`'${argv.join(' ')}' ended with status ${status}`, { blame: 'harness', evidence });
}
