import { spawn } from 'node:child_process';
import { VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { lastLines, requireTool } from '../cache/tool.ts';
import { isRoot, requireSandbox, sandboxId } from './availability.ts';
import { findBubblewrap, type SandboxMount, sandboxCommand } from './bubblewrap.ts';
import { defaultLimits, type SandboxLimits } from './limits.ts';
import { childrenOf, ended, type ReachedLimit, watchLimits } from './watch.ts';

/** Foreign code used more than it may; all of it was ended. */
export class SandboxLimitError extends VpmuError {
	override readonly name = 'SandboxLimitError';
	readonly limit: ReachedLimit['limit'];

	constructor({ limit, message }: ReachedLimit, evidence: readonly string[]) {
		super(`${message}; '--build-limit ${limit}=N' allows more`, { blame: 'user', evidence });
		this.limit = limit;
	}
}

export interface SandboxRequest {
	/** A folder that stands at `/`, read-only: a system of packages with bash. */
	readonly root: string;
	/** The folder that stands at `/mnt`, the only one besides /tmp that can be written to. Ours again when the call returns. */
	readonly work: string;
	/** More folders, read-only unless said otherwise; `to` must exist in the root or lie below `/mnt`. */
	readonly mounts?: readonly SandboxMount[];
	/** A script of bash; its working folder is `/mnt`. */
	readonly script: string;
	/** All that its environment has besides PATH, HOME and LC_ALL. */
	readonly env?: Readonly<Record<string, string>>;
	readonly limits?: SandboxLimits;
	readonly signal?: AbortSignal | undefined;
	/** Called with each line of standard output and error, cut at 16 KiB. */
	readonly onLine?: (line: string) => void;
}

export interface SandboxResult {
	/** `null` where a signal ended it. */
	readonly status: number | null;
	/** The first 4 MiB of each. */
	readonly stdout: string;
	readonly stderr: string;
}

const keptBytes = 4 * 1024 ** 2;
const lineBytes = 16 * 1024;
const tmpBytes = 1024 ** 3;

/**
 * Runs foreign code in namespaces of its own, as a user that owns nothing, without capabilities, network or anything of the host
 * but what the request names. All that it started has ended when the call returns or throws, and when this process dies.
 *
 * @throws SandboxLimitError; VpmuError (blame `host`) where this machine allows no sandbox; the signal's reason
 */
export async function runInSandbox(cache: Cache, request: SandboxRequest): Promise<SandboxResult> {
	const { root, work, mounts = [], script, env = {}, limits = defaultLimits, signal = cache.signal } = request;
	signal?.throwIfAborted();
	const bubblewrap = await findBubblewrap(cache);
	// Nothing runs in it yet; links in it are not followed.
	if (isRoot())
		await requireTool(['chown', '--recursive', '--no-dereference', `${sandboxId}:${sandboxId}`, work], { signal });
	const variables = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', LC_ALL: 'C.UTF-8', ...env };
	const KiB = (bytes: number) => Math.max(1, Math.floor(bytes / 1024));
	// It begins only when told to: by then it is bound to end with this process.
	const enter = [
		`ulimit -c 0 -f ${KiB(limits.fileBytes)} -v ${KiB(limits.memoryBytes)} -u ${limits.processes} -n 4096 || exit 125`,
		'echo ready; read -r go || exit 125; exec </dev/null',
		'exec /bin/bash -c "$1"',
	].join('\n');
	const all = [{ from: work, to: '/mnt', writable: true }, ...mounts];
	const argv = sandboxCommand(bubblewrap, root, all, variables, tmpBytes, ['/bin/bash', '-c', enter, 'bash', script]);
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
		env: { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	let [isReady, printed] = [false, 0];
	let first: readonly number[] = [];
	let reached: ReachedLimit | undefined;
	const end = (limit: ReachedLimit) => {
		reached ??= limit;
		child.kill('SIGKILL');
	};
	child.stdin.on('error', () => undefined);
	const watch = watchLimits(child.pid ?? 0, work, limits, end);
	const read = (stream: NodeJS.ReadableStream, isOutput: boolean) => {
		const kept: Buffer[] = [];
		let [keptLength, rest, skipping] = [0, '', false];
		stream.on('error', () => undefined);
		stream.on('data', (chunk: Buffer) => {
			let bytes = chunk;
			if (isOutput && !isReady) {
				// The first line is the sandbox's own.
				const newline = bytes.indexOf(10);
				isReady = bytes.subarray(0, newline).toString() === 'ready';
				if (!isReady) return;
				bytes = bytes.subarray(newline + 1);
				first = childrenOf(child.pid ?? 0);
				child.stdin.end('go\n');
			}
			printed += bytes.length;
			if (printed > limits.outputBytes) {
				end({ limit: 'output', message: `it printed more than ${Math.round(limits.outputBytes / 1024)} KiB` });
				return;
			}
			if (keptLength < keptBytes) {
				kept.push(bytes.subarray(0, keptBytes - keptLength));
				keptLength += bytes.length;
			}
			if (request.onLine === undefined) return;
			const lines = bytes.toString('utf8').split('\n');
			for (const [at, line] of lines.entries()) {
				const isLast = at === lines.length - 1;
				if (!skipping) rest = (rest + line).slice(0, lineBytes);
				skipping = rest.length >= lineBytes;
				if (isLast) break;
				request.onLine(rest);
				[rest, skipping] = ['', false];
			}
		});
		return {
			text: () => Buffer.concat(kept).toString('utf8'),
			finish: () => {
				if (rest !== '') request.onLine?.(rest);
			},
		};
	};
	const [stdout, stderr] = [read(child.stdout, true), read(child.stderr, false)];
	const onAbort = () => child.kill('SIGKILL');
	signal?.addEventListener('abort', onAbort, { once: true });
	try {
		const status = await new Promise<number | null>((resolve, reject) => {
			child.once('error', reject);
			child.once('close', code => resolve(code));
		});
		for (const stream of [stdout, stderr]) stream.finish();
		signal?.throwIfAborted();
		if (reached !== undefined) throw new SandboxLimitError(reached, lastLines(stderr.text()));
		if (!isReady) {
			// What forbids it is told with its remedy where it is known.
			await requireSandbox(signal);
			const evidence = lastLines(stderr.text());
			throw new VpmuError(`no sandbox could be made on this machine: ${evidence.at(-1) ?? `status ${status}`}`, {
				...{ blame: 'host', evidence },
			});
		}
		return { status, stdout: stdout.text(), stderr: stderr.text() };
	} finally {
		watch.stop();
		signal?.removeEventListener('abort', onAbort);
		child.kill('SIGKILL');
		// bubblewrap is gone before what it started is: its kill is only on the way.
		await Promise.all(first.map(ended));
		if (isRoot()) await requireTool(['chown', '--recursive', '--no-dereference', '0:0', work]).catch(() => undefined);
	}
}
