import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Host, type Machine, type MachineSpec, startMachine, VpmuError } from '../../src/index.ts';
import type { Bench, Benchmark, BenchmarkResult } from './benchmark.ts';
import { type Claim, measure, type Turn } from './measure.ts';

const commands = 20;
/** How long a flood is read in one turn, after it has begun. */
const floodMs = 1000;
const patience = { timeoutMs: 120_000 };

const claims: readonly Claim[] = [
	// 1.03 times as long, at most.
	{ of: 'first command', to: 'bare boot', wanted: 0.97 },
	// 0.7 times as long, at most.
	{ of: 'bare boot', to: 'plain arguments', wanted: 1.43 },
];

/** How soon a guest under TCG (`-cpu max`) answers, how fast its console is, and what that costs this process. */
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
				turn: () => bootBare(plainArguments(spec), signal),
			},
			{
				name: 'bare boot',
				how: 'QEMU with the arguments of a cell, its console read and nothing else; from spawn to the first line',
				turn: () => bootBare(bareArguments(spec), signal),
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

/** The agent says so when it runs: the first line of our image. */
const firstLine = 'vpmu-agent: ready';

function bareArguments(spec: MachineSpec): string[] {
	const properties = (list: MachineSpec['cpuProperties'] = {}) =>
		Object.entries(list).map(([name, value]) => `,${name}=${value === true ? 'on' : value === false ? 'off' : value}`);
	return [
		...spec.qemu.command,
		...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
		...['-machine', [spec.machine, ...properties(spec.machineProperties)].join(''), '-accel', spec.accel],
		...['-cpu', [spec.cpu, ...properties(spec.cpuProperties)].join('')],
		...['-smp', String(spec.vcpus), '-m', `${spec.memoryMiB}M`],
		...['-kernel', spec.kernel!, '-initrd', spec.initrd!, '-append', spec.append!],
	];
}

function plainArguments(spec: MachineSpec): string[] {
	return [
		...spec.qemu.command,
		...['-M', 'virt,gic-version=3', '-cpu', 'max', '-m', '512M', '-nographic', '-nic', 'none', '-no-reboot'],
		...['-kernel', spec.kernel!, '-initrd', spec.initrd!],
		...['-append', 'console=ttyAMA0 rdinit=/vpmu/agent panic=-1'],
	];
}

/** From spawn to the first line of a guest whose console is QEMU's standard output. */
async function bootBare(argv: readonly string[], signal: AbortSignal): Promise<Turn> {
	const startedAt = performance.now();
	const limit = AbortSignal.any([signal, AbortSignal.timeout(patience.timeoutMs)]);
	const qemu = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], signal: limit });
	const closed = once(qemu, 'close').catch(() => undefined);
	qemu.on('error', () => undefined);
	try {
		let text = '';
		for await (const bytes of qemu.stdout) {
			text += bytes;
			if (text.includes(firstLine)) return { operations: 1, elapsedMs: performance.now() - startedAt };
		}
		signal.throwIfAborted();
		const evidence = text.split('\n').slice(-20);
		throw new VpmuError(`a QEMU ended before its guest said '${firstLine}': ${argv.join(' ')}`, {
			blame: 'qemu',
			evidence,
		});
	} finally {
		qemu.kill('SIGKILL');
		await closed;
	}
}

async function bootOwn(host: Host, spec: MachineSpec, signal: AbortSignal): Promise<Turn> {
	const startedAt = performance.now();
	await using machine = await startMachine(host, spec, { signal });
	await machine.shell.ready({ ...patience, signal });
	// The image's smallest program: what it takes by itself is no matter of ours.
	await machine.shell.run(['/vpmu/workload', 'loop', '1'], { ...patience, signal });
	return { operations: 1, elapsedMs: performance.now() - startedAt };
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
	// It ends by our abort.
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
