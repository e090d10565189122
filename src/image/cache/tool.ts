import { spawn } from 'node:child_process';
import { VpmuError } from '../../lib/errors.ts';

/** What a tool that ended left behind. */
export interface ToolResult {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface ToolOptions {
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	readonly signal?: AbortSignal | undefined;
	/** Called with each line that the tool writes to file descriptor 3. */
	readonly onStatusLine?: (line: string) => void;
}

/** The Debian package that provides each tool used here. */
const packageOf: Readonly<Record<string, string>> = {
	'apt-get': 'apt',
	'apt-config': 'apt',
	'dpkg-deb': 'dpkg',
	flock: 'util-linux',
	setpriv: 'util-linux',
	unshare: 'util-linux',
};

/**
 * Runs one of the distribution's tools to its end. The tool dies with this process (`setpriv --pdeathsig`), so that a
 * killed vpmu leaves no apt behind that would write into the cache.
 *
 * @throws VpmuError (blame `host`) when the tool is not installed
 * @throws the signal's reason
 */
export async function runTool(argv: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
	const { signal } = options;
	signal?.throwIfAborted();
	const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...argv], {
		cwd: options.cwd,
		env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...options.env },
		stdio: ['ignore', 'pipe', 'pipe', options.onStatusLine === undefined ? 'ignore' : 'pipe'],
	});
	const output = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr'] as const) {
		child[name]!.setEncoding('utf8').on('data', text => {
			output[name] += text;
		});
	}
	let rest = '';
	(child.stdio[3] as NodeJS.ReadableStream | null | undefined)?.setEncoding('utf8').on('data', text => {
		const lines = (rest + text).split('\n');
		rest = lines.pop()!;
		for (const line of lines) options.onStatusLine?.(line);
	});
	const { promise, resolve, reject } = Promise.withResolvers<number | null>();
	child.on('error', error => reject(missing('setpriv', error)));
	child.on('close', status => resolve(status));
	const onAbort = () => child.kill('SIGTERM');
	signal?.addEventListener('abort', onAbort, { once: true });
	try {
		const status = await promise;
		signal?.throwIfAborted();
		if (status === 127) throw missing(argv[0]!, output.stderr);
		return { status, ...output };
	} finally {
		signal?.removeEventListener('abort', onAbort);
	}
}

/** As {@link runTool}, but a status other than 0 is an error. @throws VpmuError (blame `host`) with the tool's last lines */
export async function requireTool(argv: readonly string[], options: ToolOptions = {}): Promise<string> {
	const result = await runTool(argv, options);
	if (result.status !== 0) throw toolFailed(argv, result);
	return result.stdout;
}

/** The error for a tool that failed, with the last lines it wrote. */
export function toolFailed(argv: readonly string[], result: ToolResult): VpmuError {
	const lines = lastLines(result.stderr || result.stdout);
	const full = lines.find(line => /No space left on device/.test(line));
	if (full !== undefined) {
		return new VpmuError(`the disk is full: ${argv[0]} could not write (VPMU_CACHE names another folder)`, {
			blame: 'host',
			evidence: lines,
		});
	}
	const cause = lines.find(line => /^E: |error: /.test(line)) ?? lines.at(-1) ?? 'no message';
	return new VpmuError(`${argv[0]} ended with status ${result.status ?? 'none (killed)'}: ${cause}`, {
		blame: 'host',
		evidence: lines,
	});
}

/** The last lines of a text that are not empty. */
export function lastLines(text: string, count = 12): string[] {
	return text
		.split('\n')
		.filter(line => line.trim() !== '')
		.slice(-count);
}

function missing(tool: string, cause: unknown): VpmuError {
	const from = packageOf[tool];
	const hint = from === undefined ? '' : ` (Debian package '${from}')`;
	return new VpmuError(`this machine has no usable '${tool}'${hint}, which vpmu needs to fetch and unpack packages`, {
		blame: 'host',
		cause,
	});
}
