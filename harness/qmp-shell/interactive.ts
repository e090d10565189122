import { createInterface, type Interface } from 'node:readline';
import { eitherSignal, messageOf, screen, stringifyJson, visible } from '../../src/lib/index.ts';
import { type QmpClient, QmpError, type QmpEvent, type QmpSchema } from '../../src/qmp/index.ts';
import type { CommandContext } from '../usage/context.ts';
import { readCommand } from './arguments.ts';
import { complete, describeCommand } from './complete.ts';
import { historySize, readHistory, writeHistory } from './history.ts';
import { splitWords } from './words.ts';

const greeting =
	"Commands: NAME key=value … or JSON; 'help NAME' lists arguments; Tab completes; Ctrl-C stops waiting; Ctrl-D leaves.\n";

/** Prints above the prompt, which may hold half a command: clears the line and draws it again below. */
const { clearLine } = screen;

/**
 * Reads commands on a terminal until the user or QEMU leaves, with prompt, history, completion, and events shown above
 * the prompt. Mistakes and refusals are shown, not thrown.
 *
 * @throws the signal's reason
 */
export async function runInteractive(context: CommandContext, qmp: QmpClient, schema: QmpSchema): Promise<void> {
	const { stdin, stdout, env, signal } = context;
	const history = readHistory(env);
	const terminal = createInterface({
		...{ input: stdin, output: stdout.raw, terminal: true },
		...{ prompt: visible(`(QEMU ${versionOf(qmp)}) `), history, historySize, removeHistoryDuplicates: true },
		// Names come from this QEMU, so what readline shows is escaped.
		completer: (line: string) => {
			const [candidates, replaced] = complete(line, schema);
			return [candidates.map(visible), replaced];
		},
	});
	// A terminal that hangs up reports EIO.
	terminal.on('error', () => terminal.close());
	let closed = false;
	terminal.once('close', () => {
		closed = true;
	});
	terminal.on('history', (lines: string[]) => history.splice(0, history.length, ...lines));
	const print = (text: string) => {
		stdout.write([clearLine, `${text}\n`]);
		if (!closed) terminal.prompt(true);
	};
	const stop = () => terminal.close();
	signal.addEventListener('abort', stop, { once: true });
	let running: AbortController | undefined;
	terminal.on('SIGINT', () => {
		if (running !== undefined) running.abort(new Error('interrupted; QEMU may still carry it out'));
		else if (terminal.line !== '') clearInput(terminal);
		else terminal.close();
	});
	const events = qmp.events();
	const showing = (async () => {
		for await (const event of events) print(describeEvent(event));
	})().catch(error => {
		print(messageOf(error));
		terminal.close();
	});
	const execute = async (line: string) => {
		running = new AbortController();
		using either = eitherSignal(signal, running.signal);
		try {
			const { name, args, oob } = readCommand(splitWords(line), schema);
			const value = await qmp.execute(name, args, { signal: either.signal, oob });
			print(stringifyJson(value, { indent: 2 }));
		} catch (error) {
			// The end of the events shows how QEMU ended.
			if (!(error instanceof QmpError) || error.code !== 'QMP_DISCONNECTED') print(messageOf(error));
		} finally {
			running = undefined;
		}
	};

	stdout.write(greeting);
	terminal.prompt();
	try {
		for await (const line of terminal) {
			const [word, about] = line.trim().split(/\s+/);
			if (word === 'exit') break;
			if (word === 'help') print(describeCommand(about, schema));
			else if (word === '' || word?.startsWith('#')) terminal.prompt();
			else await execute(line);
			if (closed) break;
		}
	} finally {
		signal.removeEventListener('abort', stop);
		terminal.close();
		await events.return();
		await showing;
		// Clear a prompt that will not be answered.
		stdout.write([clearLine]);
		writeHistory(env, history);
	}
	signal.throwIfAborted();
}

function versionOf(qmp: QmpClient): string {
	const { major, minor, micro } = qmp.greeting.version.qemu;
	return `${major}.${minor}.${micro}`;
}

function describeEvent({ event, data }: QmpEvent): string {
	return data === undefined ? event : `${event} ${stringifyJson(data)}`;
}

function clearInput(terminal: Interface): void {
	terminal.write(null, { ctrl: true, name: 'e' });
	terminal.write(null, { ctrl: true, name: 'u' });
}
