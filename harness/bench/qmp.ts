import { messageOf, VpmuError } from '../../src/lib/index.ts';
import { connectQmp } from '../../src/qmp/index.ts';
import { startBareQemu } from '../qmp-shell/bare-qemu.ts';
import { bareLoop } from './bare-loop.ts';
import type { Bench, Benchmark, BenchmarkResult, LeftOut } from './benchmark.ts';
import { type Claim, type Contender, measure, type Turn, timed } from './measure.ts';
import { type PythonLoop, startPythonLoop } from './python-loop.ts';

const commands = 512;
/** A multiple of the lanes, so that all of them work until the end. */
const lanes = 32;

const claims: readonly Claim[] = [
	{ of: 'serial', to: 'bare loop', wanted: 0.95 },
	{ of: 'serial', to: 'bare loop without ids' },
	{ of: 'serial', to: 'qemu.qmp', wanted: 1 },
	{ of: 'query-yank, 32 out of band', to: 'serial', wanted: 1.6 },
	{ of: 'query-yank, 32 out of band', to: 'query-yank, serial' },
	{ of: '32 at once', to: 'serial' },
	{ of: 'bare loop, 8 at once', to: 'bare loop' },
];

/** Compares the client's speed on a real QEMU with the least work possible and with QEMU's own client. */
export const qmpBenchmark: Benchmark = {
	name: 'qmp',
	summary: 'QMP commands a second: one after the other, and many at once',
	run,
};

async function run(bench: Bench): Promise<BenchmarkResult> {
	const { host, rounds = 21, signal, onRound } = bench;
	await using qemu = await startBareQemu(host, bench.qemu.command);
	const { socketPath } = qemu;
	// Receive the greeting before anything is measured.
	await using first = await connectQmp(socketPath, { retry: true, signal, timeoutMs: 30_000 });
	await first.close();

	const leftOut: LeftOut[] = [];
	await using python = await startPython(bench, leftOut);
	const contenders: Contender[] = [
		{
			name: 'bare loop',
			how: 'node:net; writes {"execute":"query-status","id":"…"} and a newline, appends input to a string, cuts at newlines, JSON.parse, then the next; ids as long as ours',
			turn: () => bareLoop(socketPath, commands, number => statusLine(`"id":"${100_000 + number}"`)),
		},
		{
			name: 'bare loop without ids',
			how: 'the same, without "id"',
			turn: () => bareLoop(socketPath, commands, () => statusLine()),
		},
		{
			name: 'bare loop, 8 at once',
			how: 'the bare loop with 8 commands in flight: what QEMU itself gains by pipelining in band',
			turn: () => bareLoop(socketPath, commands, number => statusLine(`"id":"${100_000 + number}"`), 8),
		},
		{ name: 'serial', how: "await qmp.execute('query-status')", turn: () => client(socketPath, 'query-status') },
		{
			name: '32 at once',
			how: "32 loops at once of await qmp.execute('query-status'); at most 8 in flight",
			turn: () => client(socketPath, 'query-status', { loops: lanes }),
		},
		{
			name: 'query-yank, serial',
			how: "await qmp.execute('query-yank'): a command that can be executed out of band",
			turn: () => client(socketPath, 'query-yank'),
		},
		{
			name: 'query-yank, 32 out of band',
			how: "32 loops at once of await qmp.execute('query-yank', undefined, { oob: true }); 32 in flight",
			turn: () => client(socketPath, 'query-yank', { loops: lanes, oob: true }),
		},
	];
	if (python !== undefined) {
		contenders.push({
			name: 'qemu.qmp',
			how: `await client.execute('query-status') of Python ${python.version}'s qemu.qmp`,
			turn: () => python.turn(socketPath, commands),
		});
	}
	return { ...(await measure(contenders, claims, { rounds, signal, onRound })), leftOut };
}

const statusLine = (id?: string) => `{"execute":"query-status"${id === undefined ? '' : `,${id}`}}\n`;

async function startPython(bench: Bench, leftOut: LeftOut[]): Promise<PythonLoop | undefined> {
	try {
		return await startPythonLoop(bench.host, await bench.pythonQmp(), bench.signal);
	} catch (error) {
		if (!(error instanceof VpmuError)) throw error;
		leftOut.push({ name: 'qemu.qmp', reason: messageOf(error) });
		return undefined;
	}
}

async function client(
	socketPath: string,
	command: 'query-status' | 'query-yank',
	{ loops = 1, oob = false } = {},
): Promise<Turn> {
	await using qmp = await connectQmp(socketPath, { retry: true });
	await qmp.execute(command);
	const options = oob ? { oob } : undefined;
	const loop = async () => {
		for (let done = 0; done < commands / loops; done++) await qmp.execute(command, undefined, options);
	};
	return await timed(commands, () => Promise.all(Array.from({ length: loops }, loop)));
}
