import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host, ProcessExit } from '../../src/host/index.ts';
import { drainInto, FileSink, messageOf, VpmuError } from '../../src/lib/index.ts';
import { packageFolder } from '../usage/places.ts';

export interface AvaOptions {
	readonly env: Readonly<Record<string, string | undefined>>;
	/** File that gets AVA's own output. */
	readonly log: string;
	/** Case files side by side. */
	readonly concurrency: number;
	readonly signal: AbortSignal;
}

/**
 * Runs AVA on case files, begun in the order given, and resolves with how it ended. Its verdict is not ours: cells report themselves to the run. An
 * abort ends it with SIGTERM, so that workers can still clean up. AVA and its workers are one process group, which goes
 * with us, also when we are killed.
 * @throws VpmuError blame `harness` when AVA cannot be started
 */
export async function runAva(
	host: Host,
	files: readonly string[],
	{ env, log, concurrency, signal }: AvaOptions,
): Promise<ProcessExit> {
	const cli = path.join(path.dirname(fileURLToPath(import.meta.resolve('ava'))), 'cli.js');
	const argv = [
		...[process.execPath, '--max-semi-space-size=1', cli, '--concurrency', String(concurrency)],
		...files.map(file => path.relative(packageFolder, file)),
	];
	// What is compiled once for this process is for the workers too: time, and a third of their memory.
	const compiled = getCompileCacheDir();
	const order = JSON.stringify(files);
	const given = Object.entries({ ...env, NO_COLOR: '1', NODE_COMPILE_CACHE: compiled, VPMU_CASE_FILES: order }).filter(
		(entry): entry is [string, string] => entry[1] !== undefined,
	);
	await using ava = await host.spawn(argv, { cwd: packageFolder, env: Object.fromEntries(given) }).catch(cause => {
		throw new VpmuError(`AVA cannot be started: ${messageOf(cause)}`, { blame: 'harness', cause });
	});
	ava.stdin.end();
	const output = new FileSink(log);
	const written = Promise.all([ava.stdout, ava.stderr].map(stream => drainInto(stream, output)));
	const onAbort = () => void ava.kill('SIGTERM');
	signal.addEventListener('abort', onAbort, { once: true });
	if (signal.aborted) onAbort();
	try {
		const exit = await ava.exited;
		// What it wrote last is still on its way.
		await written;
		return exit;
	} finally {
		signal.removeEventListener('abort', onAbort);
		await output.close();
	}
}
