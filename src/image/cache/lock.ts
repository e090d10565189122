import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { VpmuError } from '../../lib/errors.ts';
import { holdLock, LockBusyError, type LockHolder, readBusyLine, thisHolder } from '../../lib/files/lock.ts';

/** How much of the helper's output is kept, in characters; it contains the command line of the process that holds the lock. */
const mostSaid = 65_536;

const noFlock = "this machine has no usable 'flock' (package util-linux)";

/** A lock that the kernel releases when this process dies, for whatever reason. */
export interface FileLock extends AsyncDisposable {
	readonly file: string;
}

/**
 * Takes an exclusive advisory lock on a file (flock(2), through the program of that name, because Node has no binding). The
 * helper holds the lock until the pipe from this process closes, which the kernel does even after SIGKILL.
 *
 * @param onWait called once, with a description of the holder, when another process holds the lock
 * @throws LockBusyError when another process holds it and `wait` is false; VpmuError (blame `host`) when there is no `flock`
 *   or the file cannot be locked; the signal's reason
 */
export async function lockFile(
	file: string,
	{
		signal,
		wait = true,
		onWait,
	}: {
		readonly signal?: AbortSignal | undefined;
		readonly wait?: boolean;
		readonly onWait?: (holder: LockHolder | null) => void;
	} = {},
): Promise<FileLock> {
	signal?.throwIfAborted();
	const words = [file, JSON.stringify(thisHolder()), wait ? 'wait' : 'no-wait'];
	const helper = spawn('sh', ['-c', holdLock, 'vpmu-lock', ...words], {
		stdio: ['pipe', 'pipe', 'pipe'],
		// Use a separate process group: Ctrl-C must not release the lock while the holder still cleans up.
		detached: true,
	});
	let stderr = '';
	helper.stderr.setEncoding('utf8').on('data', text => {
		stderr = (stderr + text).slice(-mostSaid);
	});
	helper.stdin.on('error', () => undefined);
	const ended = once(helper, 'close').catch(() => undefined);
	const { promise: locked, resolve, reject } = Promise.withResolvers<void>();
	let holder: LockHolder | null = null;
	let said = '';
	let timer: NodeJS.Timeout | undefined;
	helper.stdout.setEncoding('utf8').on('data', (text: string) => {
		said = (said + text).slice(0, mostSaid);
		const line = /^busy .*(?=\n)/m.exec(said)?.[0];
		if (/^held$/m.test(said)) resolve();
		else if (line !== undefined && holder === null) {
			holder = readBusyLine(line, 'this machine');
			// Do not report a very short wait.
			if (wait) timer = setTimeout(() => onWait?.(holder), 500);
		}
	});
	helper.once('error', error =>
		reject(new VpmuError(`cannot lock ${file}: ${error.message}`, { blame: 'host', cause: error })),
	);
	helper.once('close', status => {
		if (status === 75) reject(new LockBusyError(file, 'this machine', holder));
		else if (status === 127) reject(new VpmuError(noFlock, { blame: 'host' }));
		else reject(new VpmuError(`cannot lock ${file}: ${stderr.trim() || 'flock ended'}`, { blame: 'host' }));
	});
	const onAbort = () => reject(signal?.reason);
	signal?.addEventListener('abort', onAbort, { once: true });
	try {
		await locked;
	} catch (error) {
		helper.stdin.destroy();
		helper.kill('SIGTERM');
		throw error;
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener('abort', onAbort);
	}
	// While held, the helper must not keep this process alive. On release, wait until it has exited and all its streams are closed.
	const parts = [helper, helper.stdin, helper.stdout, helper.stderr] as unknown as { ref(): void; unref(): void }[];
	for (const part of parts) part.unref();
	return {
		file,
		async [Symbol.asyncDispose]() {
			for (const part of parts) part.ref();
			helper.stdin.end();
			await ended;
		},
	};
}
