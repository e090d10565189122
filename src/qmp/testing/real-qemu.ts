import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { localHost } from '../../host/local.ts';
import { type QemuProcess, startProcess } from '../../qemu/process/process.ts';
import { realQemu } from '../../qemu/testing/real.ts';
import type { QmpClient } from '../client.ts';
import { type ConnectOptions, connectQmp } from '../connect.ts';

/** The QEMUs that the client is tested with: Debian's, by suite. Downloaded into the cache if they are not there. */
export const qemuSuites = { bookworm: '7.2', trixie: '10.0', 'trixie-backports': '11.1' } as const;
export type QemuSuite = keyof typeof qemuSuites;

/** A QEMU without a guest, for client tests. */
export interface RealQemu extends AsyncDisposable {
	readonly path: string;
	readonly process: QemuProcess;
	connect(options?: ConnectOptions): Promise<QmpClient>;
	/** Opens a bare socket, to send what the client never would. */
	raw(): Promise<net.Socket>;
}

/** Starts a QEMU. Disposal kills it if it still runs. */
export async function startRealQemu(
	suite: QemuSuite,
	{ args = ['-machine', 'none'], monitor = '' }: { args?: readonly string[]; monitor?: string } = {},
): Promise<RealQemu> {
	await using stack = new AsyncDisposableStack();
	const host = stack.use(localHost());
	const folder = stack.use(await host.makeFolder());
	const address = path.join(folder.path, 'qmp.sock');
	const argv = [
		...(await realQemu(suite)),
		...args,
		...['-S', '-nodefaults', '-display', 'none'],
		...['-chardev', `socket,id=qmp,path=${address},server=on,wait=off`, '-mon', `chardev=qmp,mode=control${monitor}`],
	];
	const process = stack.use(await startProcess(host, argv, { budgets: { termMs: 0 } }));
	const describeDeath = async () => ({ ...(await process.exited), stderr: process.stderrLines() });
	const owned = stack.move();
	return {
		path: address,
		process,
		connect: options => connectQmp(address, { retry: true, timeoutMs: 30_000, describeDeath, ...options }),
		async raw() {
			const socket = net.connect({ path: address, allowHalfOpen: true });
			await once(socket, 'connect');
			return socket;
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}
