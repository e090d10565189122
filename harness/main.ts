import { runCommandLine } from './cli/index.ts';
import { contextOf, type World } from './usage/context.ts';
import { exitCodes } from './usage/exit-codes.ts';
import { explain } from './usage/explain.ts';
import { version } from './usage/places.ts';

/** Runs one command line against the given world. Returns the exit status; never throws. */
export async function main(argv: readonly string[], world: World): Promise<number> {
	try {
		if (argv[0] === '--version') {
			contextOf(world).stdout.write(`${version}\n`);
			return exitCodes.asPredicted;
		}
		return await runCommandLine(argv, world);
	} catch (error) {
		if (world.signal.aborted) return exitCodes.interrupted;
		return explain(error, contextOf(world));
	}
}

/**
 * The process's entry. The first Ctrl-C aborts politely, a second one ends the process at once; npm delivers one key
 * press twice, so a second signal within half a second is the same press.
 */
export async function start(): Promise<void> {
	const interrupted = new AbortController();
	let firstAt: number | undefined;
	const onSignal = () => {
		if (firstAt === undefined) {
			firstAt = performance.now();
			interrupted.abort(new DOMException('interrupted', 'AbortError'));
		} else if (performance.now() - firstAt > 500) {
			process.exit(exitCodes.interrupted);
		}
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
	process.stdout.on('error', error => {
		// The reader of a pipe went away (vpmu list | head): nothing left to say.
		if ('code' in error && error.code === 'EPIPE') process.exit(0);
		throw error;
	});
	process.exitCode = await main(process.argv.slice(2), {
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		env: process.env,
		cwd: process.cwd(),
		signal: interrupted.signal,
	});
}
