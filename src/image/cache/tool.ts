import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { VpmuError } from '../../lib/errors.ts';
import { quoteWord } from '../../lib/text/quote.ts';

/** The result of a short command. */
export interface ToolResult {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** Options for a short command. */
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

/** Whether a tool is in `PATH`. */
export function hasTool(tool: string): boolean {
	return (process.env.PATH ?? '').split(path.delimiter).some(folder => {
		try {
			accessSync(path.join(folder, tool), constants.X_OK);
			return path.isAbsolute(folder);
		} catch {
			return false;
		}
	});
}

/**
 * Runs a short command on this machine to its end, such as one of the distribution's tools. It uses zx, which quotes each word
 * for the shell and, on abort, sends SIGTERM to every process that the command started. The command also dies with this process
 * (`setpriv --pdeathsig`), so that a killed vpmu leaves no apt behind that would write into the cache. Commands that run long or
 * on another machine are started through src/host instead.
 *
 * @throws VpmuError (blame `host`) when the tool is not installed
 * @throws the signal's reason
 */
export async function runTool(argv: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
	const { signal, cwd, env, onStatusLine } = options;
	signal?.throwIfAborted();
	// Loaded on demand: most vpmu commands run no tools.
	const { $ } = await import('zx/core');
	const start = $({
		...{ shell: '/bin/sh', prefix: 'exec ', postfix: '', quote: quoteWord, quiet: true, nothrow: true },
		// Use a separate process group, so that an abort ends all of it.
		detached: true,
		env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...env },
		stdio: ['ignore', 'pipe', 'pipe', onStatusLine === undefined ? 'ignore' : 'pipe'],
		// What zx would otherwise take from the environment (ZX_CWD, ZX_TIMEOUT and so on).
		...{
			cwd: cwd ?? process.cwd(),
			preferLocal: false,
			verbose: false,
			killSignal: 'SIGTERM',
			timeoutSignal: 'SIGTERM',
		},
		timeout: 0,
		...(signal === undefined ? {} : { signal }),
	});
	const running = start`${['setpriv', '--pdeathsig', 'TERM', ...argv]}`;
	let rest = '';
	(running.child?.stdio[3] as NodeJS.ReadableStream | null | undefined)?.setEncoding('utf8').on('data', text => {
		const lines = (rest + text).split('\n');
		rest = lines.pop()!;
		for (const line of lines) onStatusLine?.(line);
	});
	const { exitCode, signal: killedBy, stdout, stderr, cause } = await running;
	signal?.throwIfAborted();
	// Messages of the shell and of setpriv.
	if (exitCode === 127) throw missing(/setpriv: not found/.test(stderr) ? 'setpriv' : argv[0]!, stderr);
	if (exitCode === null && killedBy === null) throw missing('sh', cause);
	return { status: exitCode, stdout, stderr };
}

/**
 * Runs short commands from a template, with each value quoted: ``await commands({ cwd })`tar -xf ${file}` ``. Resolves with the
 * command's standard output.
 *
 * @throws VpmuError (blame `host`) when it does not end with status 0; and as {@link runTool}
 */
export function commands(options: ToolOptions = {}) {
	return async (pieces: TemplateStringsArray, ...values: readonly (string | readonly string[])[]): Promise<string> => {
		const words = pieces.flatMap((piece, index) => [
			...piece.split(/\s+/).filter(Boolean),
			...(index < values.length ? [values[index]!].flat() : []),
		]);
		return await requireTool(words, options);
	};
}

/** As {@link runTool}, but a status other than 0 is an error. @throws VpmuError (blame `host`) with the tool's last lines */
export async function requireTool(argv: readonly string[], options: ToolOptions = {}): Promise<string> {
	const result = await runTool(argv, options);
	if (result.status !== 0) throw toolFailed(argv, result);
	return result.stdout;
}

/** Makes the error for a tool that failed, with its last lines of output. */
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

/** Returns the last non-empty lines of a text. */
export function lastLines(text: string, count = 12): string[] {
	return text
		.split('\n')
		.filter(line => line.trim() !== '')
		.slice(-count);
}

function missing(tool: string, cause: unknown): VpmuError {
	const from = packageOf[tool];
	const hint = from === undefined ? '' : ` (Debian package '${from}')`;
	return new VpmuError(
		`this machine has no usable '${tool}'${hint}, which vpmu needs; 'vpmu doctor' says what else is missing`,
		{
			blame: 'host',
			cause,
		},
	);
}
