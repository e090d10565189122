import { setTimeout as delay } from 'node:timers/promises';
import { VpmuError } from '../../src/lib/index.ts';
import { type Machine, startMachine } from '../../src/qemu/index.ts';
import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { bareArguments, bootBare, bootOwn, plainArguments } from './boots.ts';
import { type Claim, measure, type Turn } from './measure.ts';

const commands = 20;
/** How long a flood is read in one turn. */
const floodMs = 1000;
const patience = { timeoutMs: 120_000 };

const claims: readonly Claim[] = [
	// At most 1.03 times as long.
	{ of: 'first command', to: 'bare boot', wanted: 0.97 },
	// At most 0.7 times as long.
	{ of: 'bare boot', to: 'plain arguments', wanted: 1.43 },
];

/**
 * Measures how soon a guest under TCG (`-cpu max`) answers, how fast its console is, and what that costs this process.
 */
export const guestBenchmark: Benchmark = {
	name: 'guest',
	summary: 'boot to the first command, a warm command, and a console at full speed, under TCG on this machine',
	run,
};

async function run({ host, guest, rounds = 5, signal, onRound }: Bench): Promise<BenchmarkResult> {
	const spec = await guest();
	await using machine = await startMachine(host, spec, { signal });
	await machine.shell.ready({ ...patience, signal });
	const measured = await measure(
		[
			{
				name: 'plain arguments',
				how: "QEMU with -M virt,gic-version=3 -cpu max -m 512M -nographic; the same kernel and initramfs, console=ttyAMA0 alone; from spawn to the image's first line",
				turn: () => bootBare(host, plainArguments(spec, 'console=ttyAMA0'), signal),
			},
			{
				name: 'bare boot',
				how: 'QEMU with the arguments of a cell, its console only read; from spawn to the first line',
				turn: () => bootBare(host, bareArguments(spec), signal),
			},
			{
				name: 'first command',
				how: "startMachine, shell.run(['/vpmu/workload', 'loop', '1']), over the console; from the call to the command's end",
				turn: () => bootOwn(host, spec, signal),
			},
			{
				name: 'warm command',
				how: `shell.run(['/bin/true']) over the console, ${commands} one after the other`,
				withinMs: 30,
				turn: () => warmCommands(machine),
			},
			{
				name: 'flood, CPU time of a second',
				how: 'the guest prints as fast as it can; CPU time of this process, which reads and searches it, for each second',
				withinMs: 50,
				turn: () => flood(machine),
			},
		],
		claims,
		{ rounds, warmUp: 1, signal, onRound },
	);
	return { ...measured, leftOut: [] };
}

async function warmCommands({ shell }: Machine): Promise<Turn> {
	await shell.run(['/bin/true'], patience);
	const startedAt = performance.now();
	for (let done = 0; done < commands; done++) await shell.run(['/bin/true'], patience);
	return { operations: commands, elapsedMs: performance.now() - startedAt };
}

async function flood({ console, shell }: Machine): Promise<Turn> {
	const stop = new AbortController();
	const flooding = shell.run('while :; do cat /proc/kallsyms; done >/dev/console', { signal: stop.signal });
	// Our abort ends it.
	flooding.catch(() => undefined);
	await delay(500);
	const cpu = process.cpuUsage();
	const before = console.receivedBytes;
	await delay(floodMs);
	const { user, system } = process.cpuUsage(cpu);
	const bytes = console.receivedBytes - before;
	stop.abort();
	await flooding.catch(() => undefined);
	if (bytes < 10_000) {
		throw new VpmuError(`a guest that was to flood its console wrote ${bytes} bytes in ${floodMs} ms`, {
			blame: 'guest',
			evidence: console.lastLines(5),
		});
	}
	return { operations: floodMs / 1000, elapsedMs: (user + system) / 1000 };
}
