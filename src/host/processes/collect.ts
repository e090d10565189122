import type { Readable } from 'node:stream';
import { within } from '../../lib/waiting/deadline.ts';
import { HostError } from '../errors.ts';
import type { CommandResult, Host, RunOptions } from '../host.ts';

const defaultMaxBytes = 64 * 1024 * 1024;

/**
 * Runs a command to its end on top of `spawn`. If the wait ends early, its process group is killed.
 * @throws HostError when it prints too much
 */
export async function runToEnd(
	host: Host,
	argv: readonly string[],
	{ stdin, signal, timeoutMs, maxOutputBytes = defaultMaxBytes, ...options }: RunOptions,
): Promise<CommandResult> {
	signal?.throwIfAborted();
	const what = `running '${argv.join(' ').slice(0, 200)}'`;
	const work = async () => {
		await using child = await host.spawn(argv, options);
		// A program may end without reading all of its input.
		child.stdin.on('error', () => undefined);
		if (!child.stdin.writableEnded) child.stdin.end(stdin ?? '');
		abandoned.promise.then(() => child.kill('SIGKILL').then(() => child[Symbol.asyncDispose]())).catch(() => undefined);
		const collected = [child.stdout, child.stderr].map(stream => collect(stream, maxOutputBytes));
		const [stdout, stderr, exit] = await Promise.all([collected[0]!, collected[1]!, child.exited]);
		return { ...exit, stdout, stderr };
	};
	const abandoned = Promise.withResolvers<void>();
	const result = work();
	try {
		return await within(what, result, { signal, timeoutMs });
	} catch (error) {
		abandoned.resolve();
		await result.catch(() => undefined);
		if (!(error instanceof OutputTooLong)) throw error;
		throw new HostError(`${what} on ${host.name}: it printed more than ${maxOutputBytes} bytes`, {
			host: host.name,
			failure: 'output',
			blame: host.kind === 'board' ? 'board' : 'host',
		});
	}
}

class OutputTooLong extends Error {}

async function collect(stream: Readable, maxBytes: number): Promise<Buffer> {
	const parts: Buffer[] = [];
	let have = 0;
	for await (const chunk of stream as AsyncIterable<Buffer>) {
		have += chunk.length;
		if (have > maxBytes) throw new OutputTooLong();
		parts.push(chunk);
	}
	return Buffer.concat(parts);
}
