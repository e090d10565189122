import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import {
	type ConnectOptions,
	connectQmp,
	type PeerDeath,
	type QmpClient,
	QmpError,
	UsageError,
} from '../../src/index.ts';

/** A QEMU without a machine, only to be asked, and the connection to it. Disposal ends both. */
export interface BareQemu extends AsyncDisposable {
	readonly qmp: QmpClient;
}

/**
 * Starts `PATH -machine none -S -nodefaults -display none` on this machine, with QMP on an inherited socket: no path that
 * another could take.
 *
 * @throws UsageError when there is no such program; QmpError with how QEMU ended when it does not get as far as QMP
 */
export async function startBareQemu(program: string, options: ConnectOptions): Promise<BareQemu> {
	const qemu = spawn(
		program,
		[
			...['-machine', 'none', '-S', '-nodefaults', '-display', 'none'],
			...['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control'],
		],
		{ stdio: ['ignore', 'ignore', 'pipe', 'pipe'] },
	);
	const lines: string[] = [];
	qemu.stderr!.setEncoding('utf8').on('data', (text: string) => {
		lines.push(...text.trimEnd().split('\n'));
		lines.splice(0, lines.length - 50);
	});
	const failed = Promise.withResolvers<never>();
	failed.promise.catch(() => undefined);
	const exited = new Promise<PeerDeath>(resolve => {
		qemu.once('close', (status, signal) => resolve({ status, signal, stderr: lines }));
		qemu.once('error', error => {
			failed.reject(new UsageError(`the QEMU '${program}' cannot be started: ${error.message}`, { cause: error }));
			resolve({ status: 127, signal: null, stderr: [error.message] });
		});
	});
	const stop = async () => {
		qemu.kill('SIGKILL');
		await exited;
	};
	const socket = qemu.stdio[3] as Duplex | undefined;
	if (socket === undefined || socket === null) return await failed.promise;
	try {
		const connecting = connectQmp(socket, { timeoutMs: 30_000, ...options, describeDeath: () => exited });
		const qmp = await Promise.race([connecting, failed.promise]);
		return {
			qmp,
			async [Symbol.asyncDispose]() {
				await qmp.close();
				await stop();
			},
		};
	} catch (error) {
		await stop();
		if (error instanceof QmpError && error.death !== undefined) {
			throw new QmpError(error.code, `${program} did not get as far as QMP: ${error.message}`, {
				...error,
				cause: error,
			});
		}
		throw error;
	}
}
