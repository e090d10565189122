import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, type QmpClient, QmpError, QmpSchema, stringifyJson } from '../../src/index.ts';
import type { CommandContext } from '../cli/command.ts';
import { readCommand } from './arguments.ts';
import { complete, describeCommand } from './complete.ts';
import { splitWords } from './words.ts';

const historyLines = 1000;

/**
 * Reads commands line by line until the input or the connection ends. On a terminal: prompt, history, completion, and
 * events shown above the prompt as they come. Otherwise each answer and event is one line of JSON, as QMP has it.
 * Returns the exit status: 1 when a command was refused that no person typed.
 */
export async function runShell({ stdin, stdout, env, signal }: CommandContext, qmp: QmpClient): Promise<number> {
	const interactive = stdin.isTTY === true && stdout.isTTY === true;
	const schema = new QmpSchema(await qmp.execute('query-qmp-schema'));
	const historyFile = historyPath(env);
	const history = interactive ? readHistory(historyFile) : [];
	const terminal = createInterface({
		input: stdin,
		output: stdout,
		terminal: interactive,
		prompt: interactive ? `(QEMU ${versionOf(qmp)}) ` : '',
		history,
		historySize: historyLines,
		removeHistoryDuplicates: true,
		completer: (line: string) => complete(line, schema),
		...(interactive ? {} : { output: undefined }),
	} as Parameters<typeof createInterface>[0]);
	const print = (text: string) => {
		stdout.write(interactive ? `\r\x1b[K${text}\n` : `${text}\n`);
		if (interactive) terminal.prompt(true);
	};
	const write = (value: unknown) => stringifyJson(value, interactive ? { indent: 2 } : {});
	let running: AbortController | undefined;
	let status = 0;
	const stop = () => terminal.close();
	signal.addEventListener('abort', stop, { once: true });
	terminal.on('SIGINT', () => {
		if (running !== undefined) running.abort(new Error('interrupted; QEMU may still carry it out'));
		else if (terminal.line !== '') terminal.write(null, { ctrl: true, name: 'u' });
		else terminal.close();
	});
	terminal.on('history', (lines: string[]) => {
		if (interactive) history.splice(0, history.length, ...lines);
	});
	const events = qmp.events();
	const showing = (async () => {
		for await (const event of events) {
			print(
				interactive
					? `${event.event} ${event.data === undefined ? '' : stringifyJson(event.data)}`
					: stringifyJson(event),
			);
		}
	})().catch(error => {
		if (interactive) print(messageOf(error));
		terminal.close();
	});
	if (interactive) {
		stdout.write(
			"Commands as NAME key=value … or JSON; 'help NAME' tells what one takes; Tab completes; Ctrl-D leaves.\n",
		);
		terminal.prompt();
	}
	try {
		for await (const line of terminal) {
			const words = line.trim().split(/\s+/);
			if (line.trim() === 'exit') break;
			if (line.trim() === '' || line.trim().startsWith('#')) {
				if (interactive) terminal.prompt();
				continue;
			}
			if (words[0] === 'help') {
				print(help(words[1], schema));
				continue;
			}
			running = new AbortController();
			try {
				const { name, args, oob } = readCommand(splitWords(line), schema);
				const value = await qmp.execute(name, args, { signal: AbortSignal.any([signal, running.signal]), oob });
				print(interactive ? write(value) : stringifyJson({ return: value }));
			} catch (error) {
				if (!interactive) status = 1;
				if (error instanceof QmpError && error.code === 'QMP_COMMAND' && !interactive) {
					print(stringifyJson({ error: { class: error.class, desc: error.desc } }));
				} else if (interactive) print(messageOf(error));
				else throw error;
				if (error instanceof QmpError && error.code === 'QMP_DISCONNECTED') break;
			} finally {
				running = undefined;
			}
		}
	} finally {
		signal.removeEventListener('abort', stop);
		terminal.close();
		await events.return();
		await showing;
		if (interactive) writeHistory(historyFile, history);
	}
	signal.throwIfAborted();
	return status;
}

function versionOf(qmp: QmpClient): string {
	const { major, minor, micro } = qmp.greeting.version.qemu;
	return `${major}.${minor}.${micro}`;
}

function help(name: string | undefined, schema: QmpSchema): string {
	if (name === undefined) return [...schema.commands.keys()].join('\n');
	return describeCommand(name, schema) ?? `this QEMU has no command or event '${name}'`;
}

function historyPath(env: CommandContext['env']): string | undefined {
	const state = env.XDG_STATE_HOME ?? (env.HOME === undefined ? undefined : path.join(env.HOME, '.local/state'));
	return state === undefined ? undefined : path.join(state, 'vpmu', 'qmp-history');
}

/** Newest first, as readline has it. A history that cannot be read or kept is no reason to refuse work. */
function readHistory(file: string | undefined): string[] {
	try {
		return file === undefined ? [] : readFileSync(file, 'utf8').split('\n').filter(Boolean).toReversed();
	} catch {
		return [];
	}
}

function writeHistory(file: string | undefined, lines: readonly string[]): void {
	if (file === undefined) return;
	try {
		mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
		writeFileSync(file, `${lines.toReversed().join('\n')}\n`, { mode: 0o600 });
	} catch {
		// As above.
	}
}
