import {
	cellHistories,
	cellsDocument,
	type HistoryDocument,
	type NightDocument,
	nightDocument,
	nightReport,
	type PastCell,
	readHistory,
	type StoreOptions,
	stateFolder,
} from '../../../src/history/index.ts';
import { stringifyJson, UsageError } from '../../../src/lib/index.ts';
import { htmlFrom, markdownFrom, type ReportDocument, textOf } from '../../../src/report/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { nearest } from '../../usage/unknown-name.ts';
import type { Given } from '../command.ts';
import type { historyOptions } from './options.ts';
import { parseSince } from './since.ts';

type HistoryGiven = Given<typeof historyOptions>;

/** Columns of a screen. */
const width = 100;

/** Returns how the history of a command's user is reached. @throws UsageError for a bad `VPMU_STATE` */
export function storeOf({ env, stderr }: Pick<CommandContext, 'env' | 'stderr'>): StoreOptions {
	return { folder: stateFolder(env), onNote: text => void stderr.write(`vpmu: note: ${text}\n`) };
}

/** `vpmu history [CASE]`. */
export async function show(context: CommandContext, { positionals, options }: HistoryGiven): Promise<number> {
	const since = options.since === undefined ? 0 : parseSince(options.since, Date.now());
	const [name] = positionals;
	const store = storeOf(context);
	const results = readHistory(store, name).filter(({ run }) => run.started >= since);
	if (name !== undefined && results.length === 0) throw unknownCase(name, readHistory(store), options.since);
	const cells = cellHistories(results);
	const value: HistoryDocument = { schema: 'vpmu-history/1', cells };
	const text = rendered(options.format, cellsDocument(cells, { name, from: context.cwd, since }), value);
	context.stdout.write(text);
	return exitCodes.asPredicted;
}

/** `vpmu history report`. */
export async function report(context: CommandContext, { options }: HistoryGiven): Promise<number> {
	const since = parseSince(options.since ?? '14d', Date.now());
	const found = nightReport(readHistory(storeOf(context)), since);
	const document = nightDocument(found, context.cwd);
	const value: NightDocument = { schema: 'vpmu-history-report/1', ...found };
	context.stdout.write(rendered(options.format, document, value));
	return exitCodes.asPredicted;
}

function unknownCase(name: string, all: readonly PastCell[], since: string | undefined): UsageError {
	const names = [...new Set(all.map(one => one.case))];
	if (names.includes(name) || all.some(({ id, cell }) => id === name || cell === name)) {
		return new UsageError(`'${name}' has no run since '${since}' (option '--since')`);
	}
	const meant = nearest(name, names);
	const hint = meant === undefined ? '' : ` (did you mean '${meant}'?)`;
	return new UsageError(
		`the history has no case or cell '${name}'${hint}; 'vpmu history' lists those of ${names.length} cases`,
	);
}

function rendered(
	format: HistoryGiven['options']['format'],
	document: ReportDocument,
	value: HistoryDocument | NightDocument,
): string {
	if (format === 'json') return `${stringifyJson(value, { indent: 2 })}\n`;
	if (format === 'html') return htmlFrom(document);
	return format === 'markdown' ? markdownFrom(document) : textOf(document, width);
}
