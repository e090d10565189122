import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { Host } from '../../src/host/index.ts';
import { eitherSignal, VpmuError } from '../../src/lib/index.ts';
import { type MachineSpec, startMachine } from '../../src/qemu/index.ts';
import type { Turn } from './measure.ts';

const patience = { timeoutMs: 120_000 };

/** The agent's first output, which is the first line of our image. */
const firstLine = 'vpmu-agent: ready';

/** The minimum that boots a spec's guest: no QMP, no socket, the console on standard output. */
export function bareArguments(spec: MachineSpec): string[] {
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

/** The same kernel and initramfs booted with plain arguments, without any of our choices. */
export function plainArguments({ qemu, accel, cpu, kernel, initrd }: MachineSpec, console: string): string[] {
	return [
		...qemu.command,
		...[
			'-M',
			'virt,gic-version=3',
			'-accel',
			accel,
			'-cpu',
			cpu,
			'-m',
			'512M',
			'-nographic',
			'-nic',
			'none',
			'-no-reboot',
		],
		...['-kernel', kernel!, '-initrd', initrd!, '-append', `${console} rdinit=/vpmu/agent panic=-1`],
	];
}

/** Measures from spawn to the first line of a guest whose console is QEMU's standard output. */
export async function bootBare(host: Host, argv: readonly string[], signal: AbortSignal): Promise<Turn> {
	const startedAt = performance.now();
	await using qemu = await (host.kind === 'local' ? spawnBare(argv) : host.spawn(argv));
	using either = eitherSignal(signal, AbortSignal.timeout(patience.timeoutMs));
	const limit = either.signal;
	const onAbort = () => qemu.stdout.destroy(limit.reason);
	limit.addEventListener('abort', onAbort, { once: true });
	let text = '';
	try {
		for await (const bytes of qemu.stdout) {
			text += bytes;
			if (text.includes(firstLine)) return { operations: 1, elapsedMs: performance.now() - startedAt };
		}
	} finally {
		limit.removeEventListener('abort', onAbort);
	}
	const evidence = text.split('\n').slice(-20);
	throw new VpmuError(`a QEMU ended before its guest said '${firstLine}': ${argv.join(' ')}`, {
		blame: 'qemu',
		evidence,
	});
}

async function spawnBare(argv: readonly string[]): Promise<{ readonly stdout: Readable } & AsyncDisposable> {
	const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
	const closed = once(child, 'close').catch(() => undefined);
	child.on('error', () => undefined);
	return {
		stdout: child.stdout,
		async [Symbol.asyncDispose]() {
			child.kill('SIGKILL');
			await closed;
		},
	};
}

/** Measures from the call of `startMachine` to the end of a first command. */
export async function bootOwn(host: Host, spec: MachineSpec, signal: AbortSignal): Promise<Turn> {
	const startedAt = performance.now();
	await using machine = await startMachine(host, spec, { signal });
	// The image's smallest program, so that its own run time does not matter.
	await machine.shell.run(['/vpmu/workload', 'loop', '1'], { ...patience, signal });
	return { operations: 1, elapsedMs: performance.now() - startedAt };
}
