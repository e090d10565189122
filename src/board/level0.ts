import path from 'node:path';
import type { Host, HostFolder } from '../host/host.ts';
import { messageOf } from '../lib/errors.ts';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { optionText } from '../qemu/argv.ts';
import type { Machine } from '../qemu/machine/machine.ts';
import { startMachine } from '../qemu/machine/start.ts';
import type { MachineSpec } from '../qemu/spec.ts';
import { BoardError } from './errors.ts';
import { type BoardParts, boardMemoryMiB } from './parts.ts';

/** Device of the board (`/dev/vda`) through which files come in, see transfer.ts. */
const mailboxNode = 'mailbox';

/** Paths of a board's own files on this machine. */
export interface BoardFolder extends HostFolder {
	readonly mailbox: string;
	readonly console: string;
}

/**
 * The file whose first part is a board's memory. The board that is booted for a snapshot writes it. Copies map it on demand
 * and share it, except for the pages that they write.
 */
export interface BoardMemory {
	readonly snapshot: string;
	/** The kernel to boot; absent when the board is restored. */
	readonly boot?: { readonly initrd: string; readonly deviceTree: string | undefined };
}

/**
 * Builds the board's machine: an emulated CPU with EL2, so that its kernel has KVM. Its devices are the same when it is
 * booted for a snapshot and when it is restored, as migration requires.
 */
export function boardSpec(parts: BoardParts, folder: BoardFolder, { snapshot, boot }: BoardMemory): MachineSpec {
	return {
		qemu: { command: parts.qemu.command(parts.qemu.root) },
		machine: 'virt',
		machineProperties: { virtualization: true, 'gic-version': 3, 'memory-backend': 'memory' },
		accel: 'tcg',
		// The board's CPUs share one host thread. With a thread each, a CPU that waits for a lock of the board's kernel spins
		// (QEMU, trans_WFE in target/arm/tcg: waiting for an event does nothing there) while the lock's holder waits
		// for the emulator's own lock. With two boards on two cores that costs a quarter of all time.
		accelProperties: { thread: 'single' },
		cpu: 'max',
		// The real algorithm takes a tenth of the boot under emulation.
		cpuProperties: { pauth: false, ...(parts.layout.pmus === 'none' ? { pmu: false } : {}) },
		vcpus: parts.layout.cpus,
		memoryMiB: boardMemoryMiB,
		console: true,
		// On restore the kernel is in memory already. But QEMU resets the interrupt controller to the non-secure state of a
		// direct kernel boot only if it is given a kernel, and the snapshot does not include that state.
		kernel: parts.kernel.image,
		...(boot === undefined
			? { paused: true }
			: {
					initrd: boot.initrd,
					append:
						'console=ttyAMA0 rdinit=/init panic=-1 quiet nowatchdog nmi_watchdog=0 rcupdate.rcu_cpu_stall_suppress=1',
					...(boot.deviceTree === undefined ? {} : { dtb: boot.deviceTree }),
				}),
		extra: [
			'-object',
			optionText('memory-backend-file', {
				...{ id: 'memory', size: `${boardMemoryMiB}M`, 'mem-path': snapshot },
				...(boot === undefined ? { share: false, readonly: true, rom: false } : { share: true }),
			}),
			// Port 0: any free one. The forwarded port is the only connection.
			...['-netdev', 'user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-:22'],
			...['-device', 'virtio-net-pci,netdev=net,romfile='],
			'-blockdev',
			JSON.stringify({
				driver: 'raw',
				'node-name': mailboxNode,
				'read-only': true,
				file: { driver: 'file', filename: folder.mailbox, locking: 'off' },
			}),
			...['-device', `virtio-blk-pci,drive=${mailboxNode}`],
			...(boot === undefined ? ['-incoming', 'defer'] : []),
		],
	};
}

/** Starts a board's QEMU. @throws BoardError */
export async function startLevel0(
	host: Host,
	name: string,
	spec: MachineSpec,
	folder: BoardFolder,
	options: WaitOptions,
): Promise<Machine> {
	try {
		return await startMachine(host, spec, { ...options, artifacts: path.dirname(folder.console), trusted: true });
	} catch (cause) {
		if (options.signal?.aborted) throw cause;
		throw new BoardError(`cannot start the emulator of ${name}: ${messageOf(cause)}`, {
			board: name,
			evidence: (cause as { evidence?: readonly string[] }).evidence ?? [],
			cause,
		});
	}
}

/** Returns the local port that leads to the board's sshd. */
export async function sshPort(machine: Machine): Promise<number> {
	const text = await machine.qmp.execute('human-monitor-command', { 'command-line': 'info usernet' });
	// "  TCP[HOST_FORWARD]  13       127.0.0.1 42817       10.0.2.15    22 ..."
	const match = /TCP\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)\s/.exec(String(text));
	if (match === null) throw new Error(`no forwarded port in: ${text}`);
	return Number(match[1]);
}
