import { connectQmp } from '../../src/qmp/index.ts';
import { startBareQemu } from '../qmp-shell/bare-qemu.ts';
import { bareLoop } from './bare-loop.ts';
import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { measure, type Turn, timed } from './measure.ts';

const commands = 8;
const question = 'query-qmp-schema';

/** Measures the cost of framing by depth and of exact integers on long replies. */
export const repliesBenchmark: Benchmark = {
	name: 'replies',
	summary: 'long QMP replies a second',
	run,
};

async function run({ host, qemu: { command }, rounds = 9, signal, onRound }: Bench): Promise<BenchmarkResult> {
	await using qemu = await startBareQemu(host, command);
	const { socketPath } = qemu;
	await using first = await connectQmp(socketPath, { retry: true, signal, timeoutMs: 30_000 });
	await first.close();
	const measured = await measure(
		[
			{
				name: 'bare loop',
				how: `node:net; writes {"execute":"${question}"}, appends input to a string, cuts at newlines, JSON.parse, then the next`,
				turn: () => bareLoop(socketPath, commands, () => `{"execute":"${question}"}\n`),
			},
			{ name: 'serial', how: `await qmp.execute('${question}')`, turn: () => client(socketPath) },
		],
		[{ of: 'serial', to: 'bare loop', wanted: 0.95 }],
		{ rounds, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}

async function client(socketPath: string): Promise<Turn> {
	await using qmp = await connectQmp(socketPath, { retry: true });
	return await timed(commands, async () => {
		for (let done = 0; done < commands; done++) await qmp.execute(question);
	});
}
