import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { VpmuError } from '../../lib/errors.ts';

/** A lock that the kernel releases when this process dies, however it dies. */
export interface FileLock extends AsyncDisposable {
	readonly file: string;
}

/**
 * Takes an exclusive advisory lock on a file (flock(2), through the program of that name: Node has no binding). The
 * helper holds the lock until the pipe from this process closes, which the kernel does even after SIGKILL.
 *
 * @param onWait called once when somebody else holds the lock
 * @throws VpmuError (blame `host`) when there is no `flock` or the file cannot be locked; the signal's reason
 */
export async function lockFile(
	file: string,
	{ signal, onWait }: { readonly signal?: AbortSignal | undefined; readonly onWait?: () => void } = {},
): Promise<FileLock> {
	signal?.throwIfAborted();
	const helper = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
		stdio: ['pipe', 'pipe', 'pipe'],
		// A group of its own: Ctrl-C must not release the lock while the holder is still tidying up.
		detached: true,
	});
	let stderr = '';
	helper.stderr.setEncoding('utf8').on('data', text => {
		stderr += text;
	});
	helper.stdin.on('error', () => undefined);
	const ended = once(helper, 'close').catch(() => undefined);
	const { promise: locked, resolve, reject } = Promise.withResolvers<void>();
	helper.stdout.once('data', () => resolve());
	helper.once('error', error =>
		reject(new VpmuError("this machine has no usable 'flock' (package util-linux)", { blame: 'host', cause: error })),
	);
	helper.once('close', () =>
		reject(new VpmuError(`cannot lock ${file}: ${stderr.trim() || 'flock ended'}`, { blame: 'host' })),
	);
	const onAbort = () => reject(signal?.reason);
	signal?.addEventListener('abort', onAbort, { once: true });
	const timer = onWait === undefined ? undefined : setTimeout(onWait, 500);
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
	helper.unref();
	for (const stream of [helper.stdin, helper.stdout, helper.stderr]) (stream as { unref?: () => void }).unref?.();
	return {
		file,
		async [Symbol.asyncDispose]() {
			helper.ref();
			helper.stdin.end();
			await ended;
		},
	};
}
