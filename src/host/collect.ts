import { within } from '../lib/deadline.ts';
import type { CommandResult, HostProcess, RunOptions } from './host.ts';

/** Runs a command to its end on top of `spawn`. The process group is killed when the wait ends early. */
export async function runToEnd(
	start: () => Promise<HostProcess>,
	argv: readonly string[],
	{ stdin, signal, timeoutMs }: RunOptions,
): Promise<CommandResult> {
	signal?.throwIfAborted();
	const what = `running '${argv.join(' ').slice(0, 200)}'`;
	const work = async () => {
		await using child = await start();
		// A program may end without reading all of its input.
		child.stdin.on('error', () => undefined);
		if (!child.stdin.writableEnded) child.stdin.end(stdin ?? '');
		abandoned.promise.then(() => child.kill('SIGKILL').then(() => child[Symbol.asyncDispose]())).catch(() => undefined);
		const [stdout, stderr, exit] = await Promise.all([
			Array.fromAsync(child.stdout as AsyncIterable<Buffer>),
			Array.fromAsync(child.stderr as AsyncIterable<Buffer>),
			child.exited,
		]);
		return { ...exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
	};
	const abandoned = Promise.withResolvers<void>();
	const result = work();
	try {
		return await within(what, result, { signal, timeoutMs });
	} catch (error) {
		abandoned.resolve();
		await result.catch(() => undefined);
		throw error;
	}
}
