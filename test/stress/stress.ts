import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { avaProgram } from '../../harness/run/rounds/ava.ts';

const usage = `usage: npm run test:stress -- [--rounds N] [--loops N] [FILE...] [-- COMMAND...]

Runs the unit tests (or FILEs of them, or COMMAND) N times, 5 unless given, beside busy loops, 4 unless given: no test may
depend on how fast the machine is. Exits 1 if any round failed.
`;

/** A loop that ends by itself once its process is gone, in whatever way. */
const loop = 'while kill -0 "$1" 2>/dev/null; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done';

function startLoops(count: number): readonly ChildProcess[] {
	return Array.from({ length: count }, () =>
		spawn('sh', ['-c', loop, 'busy-loop', String(process.pid)], { stdio: 'ignore' }),
	);
}

async function round(command: readonly string[], stop: AbortSignal): Promise<boolean> {
	const [program = '', ...rest] = command;
	// A process group of its own, so that all that the command started can be ended.
	const child = spawn(program, rest, { stdio: 'inherit', detached: true });
	const onStop = () => {
		try {
			process.kill(-child.pid!, 'SIGTERM');
		} catch {
			// The last of its processes has just ended.
		}
	};
	stop.addEventListener('abort', onStop, { once: true });
	const [status] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
	stop.removeEventListener('abort', onStop);
	return status === 0;
}

function countOf(text: string, option: string): number {
	if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`option '${option}' takes a number from 1 to 999, not '${text}'`);
	return Number(text);
}

async function main(): Promise<number> {
	const separator = process.argv.indexOf('--', 2);
	const { values, positionals } = parseArgs({
		args: process.argv.slice(2, separator === -1 ? undefined : separator),
		allowPositionals: true,
		options: {
			rounds: { type: 'string', default: '5' },
			loops: { type: 'string', default: '4' },
			help: { type: 'boolean', default: false },
		},
	});
	if (values.help) {
		process.stdout.write(usage);
		return 0;
	}
	const rounds = countOf(values.rounds, '--rounds');
	const loops = countOf(values.loops, '--loops');
	const command =
		separator === -1 ? [process.execPath, avaProgram(), ...positionals] : process.argv.slice(separator + 1);
	if (command.length === 0) throw new Error("there is no command after '--'");

	const stop = new AbortController();
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
	// A killed npm leaves its script behind.
	const parent = process.ppid;
	setInterval(() => process.ppid !== parent && stop.abort(), 500).unref();

	const busy = startLoops(loops);
	const failed: number[] = [];
	try {
		for (let number = 1; number <= rounds && !stop.signal.aborted; number++) {
			const startedAt = performance.now();
			const isGreen = await round(command, stop.signal);
			if (stop.signal.aborted) break;
			if (!isGreen) failed.push(number);
			const took = Math.round((performance.now() - startedAt) / 1000);
			process.stdout.write(`round ${number} of ${rounds}: ${isGreen ? 'passed' : 'FAILED'} after ${took} s\n`);
		}
	} finally {
		for (const child of busy) child.kill('SIGKILL');
	}
	if (stop.signal.aborted) {
		process.stdout.write('interrupted\n');
		return 130;
	}
	const where = `beside ${loops} busy loops on ${availableParallelism()} CPUs`;
	process.stdout.write(
		failed.length === 0
			? `all ${rounds} rounds passed ${where}\n`
			: `${failed.length} of ${rounds} rounds failed ${where}: ${failed.join(', ')}\n`,
	);
	return failed.length === 0 ? 0 : 1;
}

try {
	process.exitCode = await main();
} catch (error) {
	process.stderr.write(`${(error as Error).message}\n\n${usage}`);
	process.exitCode = 2;
}
