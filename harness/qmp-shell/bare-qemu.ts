import type { Host } from '../../src/host/index.ts';
import { connectWhenReady, type QemuProcess, startQemuProcess } from '../../src/qemu/index.ts';
import { type ConnectOptions, connectQmp, type QmpClient } from '../../src/qmp/index.ts';

/** A QEMU without a machine, only to be asked. Disposal ends it and removes its folder. */
export interface BareQemu extends AsyncDisposable {
	readonly process: QemuProcess;
	/** Where it listens for QMP, in a folder that only this user can enter. */
	readonly socketPath: string;
}

/**
 * Starts `COMMAND -machine none -S -nodefaults -display none` with a QMP socket. It ends, and its folder goes, also when
 * this process is killed. It may not listen yet when this resolves.
 *
 * @throws QemuError when there is no such program; HostError
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
	// Nothing in it is worth a polite end: it has no guest and no disk.
	const process = stack.use(await startQemuProcess(host, argv, { budgets: { termMs: 0 } }));
	const owned = stack.move();
	return { process, socketPath, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/**
 * Connects to a QEMU that is starting. The caller owns the client.
 *
 * @throws QemuError with how it ended when it does not get as far as QMP; as {@link connectQmp}
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
