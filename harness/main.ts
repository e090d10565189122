import { runCommandLine } from './cli/index.ts';
import { contextOf, type World } from './usage/context.ts';
import { bisectCodes, exitCodes } from './usage/exit-codes.ts';
import { explain } from './usage/explain.ts';
import { outliveReader, watchStarter } from './usage/lost-reader.ts';
import { outputTo } from './usage/output.ts';
import { version } from './usage/places.ts';

/** Runs one command line in the given context. Returns the exit status; never throws. */
export async function main(argv: readonly string[], world: World): Promise<number> {
	try {
		if (argv[0] === '--version') {
			contextOf(world).stdout.write(`${version}\n`);
			return exitCodes.asPredicted;
		}
		return await runCommandLine(argv, world);
	} catch (error) {
		if (world.signal.aborted) return exitCodes.interrupted;
		const code = explain(error, contextOf(world));
		// It would fail at every commit, and git reads 2 as a bad one.
		return code === exitCodes.usage && optionsOf(argv).includes('--bisect') ? bisectCodes.abort : code;
	}
}

const optionsOf = (argv: readonly string[]) => (argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv);

/**
 * The entry point of the process. The first Ctrl-C aborts cleanly, a second one ends the process immediately. npm
 * delivers one key press twice, so a second signal within half a second is the same press. A lost reader changes
 * neither status nor results. A defect of vpmu is never reported as status 1, which means a failed case.
 */
export async function start(): Promise<void> {
	const { stdin, env } = process;
	const stderr = outputTo(process.stderr);
	outliveReader(process.stderr, () => undefined);
	outliveReader(process.stdout, ({ code, message }) => {
		// `vpmu list | head` and a closed terminal need no message, but a full disk does.
		if (code !== 'EPIPE' && code !== 'EIO') stderr.write(`vpmu: standard output is lost: ${message}\n`);
	});
	// A terminal that is gone can no longer be read.
	stdin.on('error', () => undefined);
	let isOver = false;
	const endNow = (code: number) => {
		isOver = true;
		process.exit(code);
	};
	process.on('uncaughtException', error => endNow(explain(error, { stderr, env })));
	process.once('exit', () => {
		if (!isOver) stderr.write('vpmu: a defect of vpmu itself: there is nothing left to wait for, and no result\n');
	});

	const interrupted = new AbortController();
	const interrupt = () => interrupted.abort(new DOMException('interrupted', 'AbortError'));
	let firstAt: number | undefined;
	const onSignal = () => {
		if (firstAt !== undefined && performance.now() - firstAt > 500) endNow(exitCodes.interrupted);
		firstAt ??= performance.now();
		interrupt();
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
	watchStarter(interrupt);

	const argv = process.argv.slice(2);
	process.exitCode = await main(argv, {
		...{ stdin, env, cwd: process.cwd(), signal: interrupted.signal },
		stdout: process.stdout,
		stderr: process.stderr,
	});
	isOver = true;
}
