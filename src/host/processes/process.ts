import { spawn } from 'node:child_process';
import { PassThrough, pipeline, type Readable, type Writable } from 'node:stream';
import { harmless } from '../../lib/text/streams.ts';
import { HostError } from '../errors.ts';
import type { HostProcess, ProcessExit, SpawnOptions } from '../host.ts';
import { superviseByDescriptor } from './supervise.ts';

/**
 * Starts a process on this machine that dies when this process does. The caller owns it.
 *
 * @throws HostError when this machine cannot start a process at all; a missing program ends with status 127, as in sh
 */
export async function spawnLocal(
	argv: readonly string[],
	{ env, cwd, untrusted }: SpawnOptions = {},
): Promise<HostProcess & { readonly lifeline: Writable }> {
	const child = spawn('sh', ['-c', superviseByDescriptor(untrusted?.maxFileBytes), 'sh', ...argv], {
		stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
		detached: true,
		...(env === undefined ? {} : { env: { ...process.env, ...env } }),
		...(cwd === undefined ? {} : { cwd }),
	});
	const lifeline = harmless(child.stdio[3] as Writable);
	const exited = new Promise<ProcessExit>(resolve => {
		child.once('exit', (status, signal) => {
			lifeline.destroy();
			resolve(signal === null ? { status: status ?? 255, signal: null } : { status: null, signal });
		});
	});
	await new Promise<void>((resolve, reject) => {
		child.once('spawn', resolve);
		child.once('error', cause => {
			lifeline.destroy();
			const where = cwd === undefined ? '' : ` in '${cwd}'`;
			const message = `cannot start '${argv[0]}'${where} on this machine: ${cause.message}`;
			reject(new HostError(message, { host: 'local', failure: 'other', cause }));
		});
	});
	let ended = false;
	exited.then(() => {
		ended = true;
	});
	return {
		pid: child.pid!,
		stdin: harmless(child.stdin as Writable),
		stdout: kept(child.stdout as Readable),
		stderr: kept(child.stderr as Readable),
		lifeline,
		exited,
		async kill(signal) {
			if (!ended) child.kill(signal);
		},
		async [Symbol.asyncDispose]() {
			lifeline.destroy();
			await exited;
		},
	};
}

/** Node discards unread output when a child ends, unless reading has begun. */
function kept(stream: Readable): Readable {
	const readable = new PassThrough();
	pipeline(stream, readable, () => undefined);
	return harmless(readable);
}
