import { existsSync } from 'node:fs';
import path from 'node:path';
import { recordRuns } from '../../../src/history/index.ts';
import { type Host, HostError, localHost } from '../../../src/host/index.ts';
import { counted, messageOf, UsageError } from '../../../src/lib/index.ts';
import { eventsOf, parseResults, type Results, resultsOf } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { runFolder } from '../../usage/run-folder.ts';
import type { Given } from '../command.ts';
import { storeOf } from './history.ts';
import type { importOptions } from './options.ts';

/** A run folder may come from anybody. */
const mostBytes = 256 * 1024 * 1024;

/** `vpmu history import RUN...`. Runs before a bad one are kept. */
export async function importRuns(
	context: CommandContext,
	{ positionals }: Given<typeof importOptions>,
): Promise<number> {
	await using host = localHost();
	const store = storeOf(context);
	for (const given of positionals) {
		const results = await readForeignRun(host, given, context);
		const folder = path.resolve(context.cwd, given);
		const [added] = recordRuns(store, [{ results, folder }]);
		const said = added === undefined ? 'is in the history already' : counted(results.cells.length, 'cell');
		context.stdout.write(`${given}: run ${results.run.id}: ${said}\n`);
	}
	return exitCodes.asPredicted;
}

/** Reads a run by its results, or by its events if it was killed before it wrote results. @throws UsageError */
export async function readForeignRun(host: Host, given: string, { cwd, signal }: CommandContext): Promise<Results> {
	const folder = runFolder(given, cwd);
	const hasResults = existsSync(path.join(folder, 'results.json'));
	const name = path.join(given, hasResults ? 'results.json' : 'events.ndjson');
	let text: string;
	try {
		text = (await host.read(path.resolve(cwd, name), { maxBytes: mostBytes, signal })).toString('utf8');
	} catch (cause) {
		if (!(cause instanceof HostError)) throw cause;
		throw new UsageError(`'${given}' is not the folder of a run: ${messageOf(cause)}`, { cause });
	}
	return hasResults ? parseResults(text, name) : resultsOf(eventsOf(text, name));
}
