import { mkdirSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Host, ProcessExit } from '../../../src/host/index.ts';
import { drainInto, FileSink, messageOf, VpmuError } from '../../../src/lib/index.ts';
import type { CaseFile } from '../../plan/case-files.ts';
import { setVariables, withoutVariables } from '../engines/environment.ts';

/** A case to run. */
export type NamedCase = readonly [name: string, file: CaseFile];

export interface AvaOptions {
	readonly env: Readonly<Record<string, string | undefined>>;
	/** A folder to create, on a file system that takes sockets and small files; the caller removes it. */
	readonly folder: string;
	/** File that gets AVA's own output. */
	readonly log: string;
	/** Number of case files that run in parallel. */
	readonly concurrency: number;
	/** Cells stay after they have a result, for as long as AVA waits for a test. */
	readonly keep: boolean;
	readonly signal: AbortSignal;
}

/**
 * Runs AVA on cases, started in the given order, and resolves with how it ended. Its own verdict is ignored: cells
 * report to the run. An abort sends SIGTERM, so that workers can clean up. AVA and its workers are one process group,
 * which ends with this process even on SIGKILL.
 *
 * AVA takes only files of its own project, and none below `node_modules`. So a project is made for the run, with one
 * file for each case that imports the case from wherever it is.
 *
 * @throws VpmuError blame `harness` if AVA cannot be started
 */
export async function runAva(
	host: Host,
	cases: readonly NamedCase[],
	{ env, folder, log, concurrency, keep, signal }: AvaOptions,
): Promise<ProcessExit> {
	writeProject(folder, cases, keep);
	const program = [process.execPath, '--max-semi-space-size=1', avaProgram(), '--concurrency', String(concurrency)];
	const argv = [...withoutVariables, ...program];
	// What is compiled once for this process is for the workers too: time, and a third of their memory.
	const compiled = getCompileCacheDir();
	const given = Object.entries({ ...env, ...setVariables, NODE_COMPILE_CACHE: compiled }).filter(
		(entry): entry is [string, string] => entry[1] !== undefined,
	);
	await using ava = await host.spawn(argv, { cwd: folder, env: Object.fromEntries(given) }).catch(cause => {
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
		// Its last output may still arrive.
		await written;
		return exit;
	} finally {
		signal.removeEventListener('abort', onAbort);
		await output.close();
	}
}

/** The program behind `npx ava`. AVA does not export it, but it is next to the exported entry point. */
export function avaProgram(): string {
	const entry = fileURLToPath(import.meta.resolve('ava'));
	return path.join(path.dirname(entry), `cli${path.extname(entry)}`);
}

/** Writes an AVA project that has one file for each case. */
function writeProject(folder: string, cases: readonly NamedCase[], keep: boolean): void {
	const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
	mkdirSync(folder);
	write('package.json', '{ "type": "module" }');
	const options = {
		files: ['case-*.js'],
		workerThreads: false,
		// Which cells run is the plan's business; AVA would drop files by variables of CI engines.
		utilizeParallelBuilds: false,
		// Cells have deadlines of their own, and may wait long for a slot.
		timeout: keep ? '20d' : '4h',
		// Limit the young generation of long-lived workers; see harness/bin.mjs.
		nodeArguments: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1'],
	};
	const byName = 'sortTestFiles: (a, b) => (a < b ? -1 : 1)';
	write('ava.config.js', `export default { ...${JSON.stringify(options)}, ${byName} };\n`);
	const entry = pathToFileURL(
		path.join(import.meta.dirname, '../..', 'worker', `entry${path.extname(import.meta.filename)}`),
	);
	const digits = String(cases.length).length;
	for (const [index, [name, file]] of cases.entries()) {
		const words = name.replaceAll(/[^\w-]+/g, '-').slice(0, 100);
		const given = JSON.stringify({ name, ...file, cwd: process.cwd() });
		write(
			`case-${String(index).padStart(digits, '0')}-${words}.js`,
			`import { runCase } from ${JSON.stringify(entry.href)};\nawait runCase(${given});\n`,
		);
	}
}
