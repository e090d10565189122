import type { Host } from '../../src/host/index.ts';
import { connectWhenReady, type QemuProcess, startQemuProcess } from '../../src/qemu/index.ts';
import { type ConnectOptions, connectQmp, type QmpClient } from '../../src/qmp/index.ts';

/** A QEMU without a machine, for QMP commands only. Disposal ends it and removes its folder. */
export interface BareQemu extends AsyncDisposable {
	readonly process: QemuProcess;
	/** Its QMP socket, in a folder that only this user can enter. */
	readonly socketPath: string;
}

/**
 * Starts `COMMAND -machine none -S -nodefaults -display none` with a QMP socket. QEMU ends and its folder is removed
 * even if this process is killed. QEMU may not listen yet when this resolves.
 *
 * @throws QemuError if there is no such program; HostError
 */
export async function startBareQemu(host: Host, command: readonly string[]): Promise<BareQemu> {
	await using stack = new AsyncDisposableStack();
	const folder = stack.use(await host.makeFolder());
	const socketPath = `${folder.path}/qmp`;
	const argv = [
		...command,
		...['-machine', 'none', '-S', '-nodefaults', '-display', 'none'],
		...['-chardev', `socket,id=qmp,path=${socketPath},server=on,wait=off`, '-mon', 'chardev=qmp,mode=control'],
	];
	// Kill it: without guest and disk there is nothing to save.
	const process = stack.use(await startQemuProcess(host, argv, { budgets: { termMs: 0 } }));
	const owned = stack.move();
	return { process, socketPath, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Connects to a QEMU that is starting. The caller owns the client.
 *
 * @throws QemuError with QEMU's exit if it ends before QMP answers; errors of {@link connectQmp}
 */
export async function connectBareQemu(
	{ process, socketPath }: BareQemu,
	{ signal, timeoutMs = 30_000, ...options }: ConnectOptions,
): Promise<QmpClient> {
	const socket = await connectWhenReady(process, socketPath, { signal, timeoutMs });
	const connecting = connectQmp(socket, {
		...{ signal, timeoutMs, name: `QMP of QEMU (process ${process.pid})`, ...options },
		describeDeath: async () => ({ ...(await process.exited), stderr: process.stderrLines() }),
	});
	return await process.orDeath('QMP was greeted', connecting);
}
