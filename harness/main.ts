import { type Command, helpText, parseCommand } from './cli/command.ts';
import type { CommandContext } from './usage/context.ts';
import { exitCodes } from './usage/exit-codes.ts';
import { explain } from './usage/explain.ts';
import { version } from './usage/places.ts';
import { unknownName } from './usage/unknown-name.ts';

/** Commands by name, loaded only when called: `vpmu qmp` must not pay for what `vpmu run` needs. */
const commands: Record<string, { summary: string; load: () => Promise<{ command: Command }> }> = {
	run: { summary: 'plan, run and report cells (the main job)', load: () => import('./cli/run.ts') },
	list: { summary: 'the cells that run would run; starts nothing', load: () => import('./cli/list.ts') },
	probe: { summary: 'facts of a host that decide the backend', load: () => import('./cli/probe.ts') },
	predict: { summary: 'which backend must be chosen, and why', load: () => import('./cli/predict.ts') },
	qmp: { summary: 'talk QMP: one command, or a shell', load: () => import('./cli/qmp.ts') },
	inspect: { summary: 'what a QEMU says of itself, without a boot', load: () => import('./cli/inspect.ts') },
	shell: { summary: 'a guest to work in', load: () => import('./cli/shell.ts') },
	board: { summary: 'boards: up, down, list, ssh, prune', load: () => import('./cli/board.ts') },
	image: { summary: 'images and packages in the cache', load: () => import('./cli/image.ts') },
	report: { summary: 'a run as text, HTML, JUnit, TAP, KCIDB or Markdown', load: () => import('./cli/report.ts') },
	series: {
		summary: 'a patch series for QEMU: build before and after, run, compare',
		load: () => import('./cli/series.ts'),
	},
	compare: { summary: 'two runs, cell by cell', load: () => import('./cli/compare.ts') },
	bench: { summary: 'how fast vpmu is, against named baselines', load: () => import('./cli/bench.ts') },
	kept: { summary: "guests that 'run --keep' left: list, console, end", load: () => import('./cli/kept.ts') },
	doctor: { summary: 'what this machine lacks, and what provides it', load: () => import('./cli/doctor.ts') },
};

function overview(): string {
	const width = Math.max(...Object.keys(commands).map(name => name.length));
	return [
		'Usage: vpmu COMMAND [OPTION...]',
		'',
		"Proves that a virtual machine's PMU is the right one and counts.",
		'',
		...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
		'',
		"'vpmu COMMAND --help' explains one command. Exit status: 0 as predicted, 1 a case failed, 2 bad usage,",
		'69 infrastructure failed, 75 lock busy, 130 interrupted.',
		'',
	].join('\n');
}

/** Runs one command line against the given world. Returns the exit status; never throws. */
export async function main(argv: readonly string[], context: CommandContext): Promise<number> {
	const [name, ...rest] = argv;
	try {
		if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
			context.stdout.write(overview());
			return name === undefined ? exitCodes.usage : exitCodes.asPredicted;
		}
		if (name === '--version') {
			context.stdout.write(`${version}\n`);
			return exitCodes.asPredicted;
		}
		const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
		if (entry === undefined) throw unknownName('command', name, "of 'vpmu'", Object.keys(commands));
		const { command } = await entry.load();
		if (rest.includes('--help') || rest.includes('-h')) {
			context.stdout.write(helpText(command));
			return exitCodes.asPredicted;
		}
		return await command.run(context, parseCommand(command, rest));
	} catch (error) {
		if (context.signal.aborted) return exitCodes.interrupted;
		return explain(error, context);
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
