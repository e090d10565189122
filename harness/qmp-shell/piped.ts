import { linesOf, stringifyJson } from '../../src/lib/index.ts';
import { type QmpClient, QmpError, type QmpSchema } from '../../src/qmp/index.ts';
import type { CommandContext } from '../usage/context.ts';
import { readCommand } from './arguments.ts';
import { describeCommand } from './complete.ts';
import { splitWords } from './words.ts';

/**
 * Executes the lines of an input that is not a terminal, one after the other. Prints each answer and each event as a
 * line of JSON, as in QMP. Returns the exit status: 1 if QEMU refused a command.
 *
 * @throws UsageError for a line that is not a command; QmpError if QEMU ended unasked; the signal's reason
 */
export async function runPiped(
	{ stdin, stdout, signal }: CommandContext,
	qmp: QmpClient,
	schema: QmpSchema,
): Promise<number> {
	const input = linesOf(stdin);
	const print = (value: unknown) => void stdout.write(`${stringifyJson(value)}\n`);
	const stop = () => input.close();
	signal.addEventListener('abort', stop, { once: true });
	const events = qmp.events();
	let lost: unknown;
	const showing = (async () => {
		for await (const event of events) print(event);
	})().catch(error => {
		lost = error;
		input.close();
	});
	let status = 0;
	let asked = '';
	try {
		for await (const line of input) {
			const text = line.trim();
			if (text === '' || text.startsWith('#')) continue;
			if (text === 'exit') break;
			const [word, about] = text.split(/\s+/);
			if (word === 'help') {
				stdout.write(`${describeCommand(about, schema)}\n`);
				continue;
			}
			const { name, args, oob } = readCommand(splitWords(text), schema);
			asked = name;
			try {
				print({ return: await qmp.execute(name, args, { signal, oob }) });
			} catch (error) {
				if (!(error instanceof QmpError) || error.code !== 'QMP_COMMAND') throw error;
				status = 1;
				print({ error: { class: error.class, desc: error.desc } });
			}
		}
		signal.throwIfAborted();
	} finally {
		signal.removeEventListener('abort', stop);
		input.close();
		await events.return();
		await showing;
	}
	// A QEMU may end because of a quit command or its guest's shutdown.
	const died = lost instanceof QmpError && asked !== 'quit' && lost.death?.status !== 0;
	if (died) throw lost;
	return status;
}
