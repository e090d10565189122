import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { VpmuError } from '../src/index.ts';

export interface AvaOptions {
	readonly env: Readonly<Record<string, string | undefined>>;
	/** File that gets AVA's own output. */
	readonly log: string;
	readonly signal: AbortSignal;
}

const packageFolder = path.resolve(import.meta.dirname, '..');

/**
 * Runs AVA on case files and resolves with its exit status when it has ended. Its verdict is not ours: cells report
 * themselves to the run. An abort ends it with SIGTERM, so that workers can still clean up.
 * @throws VpmuError blame `harness` when AVA cannot be started
 */
export async function runAva(files: readonly string[], { env, log, signal }: AvaOptions): Promise<number | null> {
	const cli = path.join(path.dirname(fileURLToPath(import.meta.resolve('ava'))), 'cli.js');
	const root = path.basename(packageFolder) === 'dist' ? path.dirname(packageFolder) : packageFolder;
	const child = spawn(process.execPath, [cli, ...files.map(file => path.relative(root, file))], {
		cwd: root,
		env: { ...env, NO_COLOR: '1' },
		stdio: ['ignore', 'pipe', 'pipe'],
		// A Ctrl-C of the terminal goes to the whole foreground group: the workers are to be ended by us, in order.
		detached: true,
	});
	const output = createWriteStream(log);
	child.stdout.pipe(output, { end: false });
	child.stderr.pipe(output, { end: false });
	const onAbort = () => child.kill('SIGTERM');
	signal.addEventListener('abort', onAbort, { once: true });
	try {
		return await new Promise((resolve, reject) => {
			child.once('error', error =>
				reject(new VpmuError(`AVA cannot be started: ${error.message}`, { blame: 'harness', cause: error })),
			);
			child.once('close', resolve);
		});
	} finally {
		signal.removeEventListener('abort', onAbort);
		output.end();
	}
}
