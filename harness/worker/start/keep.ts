import { createServer } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream';
import { type Host, localHost } from '../../../src/host/index.ts';
import { harmless, listen } from '../../../src/lib/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';
import type { KeptSockets } from '../../protocol/lease.ts';

/** Names of the additional sockets of a machine that may be kept. */
const names = ['console', 'qmp', 'gdb'] as const;

/** Returns the QEMU arguments for a machine that may be kept: a terminal, a second QMP monitor, a gdb stub. */
export function keepArguments(folder: string): string[] {
	const socket = (name: (typeof names)[number]) => `path=${folder}/${name},server=on,wait=off`;
	return [
		...['-chardev', `socket,id=kept-qmp,${socket('qmp')}`, '-mon', 'chardev=kept-qmp,mode=control'],
		...['-chardev', `socket,id=kept-gdb,${socket('gdb')}`, '-gdb', 'chardev:kept-gdb'],
		...['-device', 'virtio-serial-pci,id=kept,max_ports=1', '-chardev', `socket,id=kept-console,${socket('console')}`],
		...['-device', 'virtconsole,bus=kept.0,chardev=kept-console'],
	];
}

/** Starts a shell on the additional terminal; it restarts when left. */
const shell =
	'for tty in /dev/hvc0; do while [ -c $tty ]; do setsid -c sh -i <>$tty >&0 2>&1; done; done >/dev/null 2>&1 &';

/**
 * Makes a machine's additional sockets reachable on this machine, reports where they are, and waits until the machine
 * ends. The folder of the local sockets is then removed.
 */
export async function keepMachine(
	host: Host,
	machine: Machine,
	folder: string,
	tell: (sockets: KeptSockets) => void,
): Promise<void> {
	if (machine.process.exit !== undefined) return;
	if (machine.spec.kernel !== undefined) await machine.shell.run(shell, { timeoutMs: 30_000 }).catch(() => undefined);
	await using stack = new AsyncDisposableStack();
	const local = stack.use(localHost());
	const here = stack.use(await local.makeFolder({ own: true }));
	for (const name of names) {
		const server = createServer({ allowHalfOpen: true }, socket => {
			harmless(socket);
			host.connect(`${folder}/${name}`, { timeoutMs: 10_000 }).then(
				peer => {
					pipeline(socket, peer, () => undefined);
					pipeline(peer, socket, () => undefined);
				},
				() => socket.destroy(),
			);
		});
		await listen(server, path.join(here.path, name));
		stack.defer(() => void server.close());
	}
	const at = (name: string) => path.join(here.path, name);
	tell({ console: at('console'), qmp: at('qmp'), gdb: at('gdb') });
	await machine.process.exited;
}
