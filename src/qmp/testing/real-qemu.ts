import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { QmpClient } from '../client.ts';
import { type ConnectOptions, connectQmp } from '../connect.ts';

/** Paths of real QEMUs to test with: VPMU_TEST_QEMUS, separated by colons. */
export const qemusUnderTest = (process.env.VPMU_TEST_QEMUS ?? '').split(':').filter(Boolean);

/** A QEMU without a guest, for tests of the client. */
export interface RealQemu extends AsyncDisposable {
	readonly path: string;
	readonly process: ChildProcess;
	connect(options?: ConnectOptions): Promise<QmpClient>;
	/** The bare socket, for what the client would never send. */
	raw(): Promise<net.Socket>;
}

/** Starts one, killed at the latest when disposed of. */
export async function startRealQemu(
	command: string,
	{ args = ['-machine', 'none'], monitor = '' }: { args?: readonly string[]; monitor?: string } = {},
): Promise<RealQemu> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-qemu-'));
	const address = path.join(folder, 'qmp.sock');
	const qemu = spawn(
		command,
		[
			...args,
			...['-S', '-nodefaults', '-display', 'none'],
			...['-chardev', `socket,id=qmp,path=${address},server=on,wait=off`, '-mon', `chardev=qmp,mode=control${monitor}`],
		],
		{ stdio: ['ignore', 'ignore', 'pipe'] },
	);
	let stderr = '';
	qemu.stderr.on('data', chunk => {
		stderr += chunk;
	});
	const exited = once(qemu, 'close') as Promise<[number | null, string | null]>;
	const describeDeath = async () => {
		const [status, signal] = await exited;
		return { status, signal, stderr: stderr.trimEnd().split('\n') };
	};
	return {
		path: address,
		process: qemu,
		connect: options => connectQmp(address, { retry: true, timeoutMs: 30_000, describeDeath, ...options }),
		async raw() {
			const socket = net.connect({ path: address, allowHalfOpen: true });
			await once(socket, 'connect');
			return socket;
		},
		async [Symbol.asyncDispose]() {
			if (qemu.exitCode === null && qemu.signalCode === null) qemu.kill('SIGKILL');
			await exited;
			await rm(folder, { recursive: true, force: true });
		},
	};
}
