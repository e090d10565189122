import { rmSync } from 'node:fs';
import path from 'node:path';
import {
	isNews,
	type JudgedNews,
	judgeNews,
	newsDocument,
	newsOf,
	readHistory,
	recordRuns,
} from '../../../src/history/index.ts';
import { localHost } from '../../../src/host/index.ts';
import { makeFolderSync, messageOf, UsageError, writeWhole } from '../../../src/lib/index.ts';
import { markdownFrom, textOf } from '../../../src/report/index.ts';
import type { CellResult, CellStatus, Results } from '../../../src/run/index.ts';
import { parseOn } from '../../plan/select.ts';
import { executeRun } from '../../run/execute.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodeOfCells, exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import { type Given, nothingGiven } from '../command.ts';
import { runOptions } from '../guests/options.ts';
import { requestOf } from '../guests/run.ts';
import { passedOptions, passedWords } from '../jobs/options.ts';
import { bisectScript, isRevision, whyNoBisect } from './bisect.ts';
import { storeOf } from './history.ts';
import { readForeignRun } from './import.ts';
import type { nightOptions } from './options.ts';

type NightGiven = Given<typeof nightOptions>;

/** Columns of a screen and of a mail. */
const widths = { screen: 100, mail: 72 } as const;

/** What the second runs of new failures showed, and the exit status of a second run that ended early. */
interface Second {
	readonly cells: ReadonlyMap<string, { readonly status: CellStatus; readonly reason: string | null }>;
	readonly code: number;
}

/** `vpmu history night RUN`. */
export async function night(context: CommandContext, given: NightGiven): Promise<number> {
	const { options, positionals } = given;
	parseOn(options.on);
	const shown = options.out ?? 'vpmu-night';
	const out = path.resolve(context.cwd, shown);
	const store = storeOf(context);
	const results = await remembered(context, positionals[0]!);
	const found = newsOf(readHistory(store), results.run.id);
	if (found === undefined) throw new UsageError(`run '${positionals[0]!}' has no cells, or is a part of a merged run`);
	const ids = found.fresh.map(({ last }) => last.cell);
	const write = async (name: string, text: string) =>
		await writeWhole(path.join(out, name), text).catch(error => {
			throw new UsageError(`cannot write into '${shown}' (--out): ${messageOf(error)}`, { cause: error });
		});
	try {
		makeFolderSync(out);
		for (const name of ['new.md', 'new.txt', 'again.txt', 'bisect.sh']) rmSync(path.join(out, name), { force: true });
	} catch (error) {
		throw new UsageError(`cannot write into '${shown}' (--out): ${messageOf(error)}`, { cause: error });
	}
	if (options.later && ids.length > 0) await write('again.txt', `${ids.join('\n')}\n`);
	const second = await secondRun(context, given, { ids, out, revision: found.run.revision });
	const news = judgeNews(found, second.cells);
	const script =
		options.tree === undefined
			? undefined
			: bisectScript(news, {
					...{ cwd: context.cwd, out, tree: options.tree, build: options.build ?? [] },
					// The label names the commit of the night, which a step of a bisection is not.
					passed: passedWords({ ...options, label: undefined }),
				});
	const bisect = script === undefined ? undefined : path.join(shown, 'bisect.sh');
	if (script !== undefined) await write('bisect.sh', script);
	const document = newsDocument(news, { from: context.cwd, name: options.name, bisect });
	if (isNews(news)) {
		await write('new.md', markdownFrom(document));
		await write('new.txt', textOf(document, widths.mail));
	}
	context.stdout.write(textOf(document, widths.screen));
	const why = options.tree === undefined ? undefined : whyNoBisect(news);
	if (why !== undefined) context.stderr.write(`vpmu: note: nothing to bisect: ${why}\n`);
	const code = exitCodeOfCells(judgedCells(results, news));
	return code === exitCodes.failed ? code : second.code || code;
}

/** Reads a run and adds it to the history. */
async function remembered(context: CommandContext, given: string): Promise<Results> {
	await using host = localHost();
	const results = await readForeignRun(host, given, context);
	recordRuns(storeOf(context), [{ results, folder: path.resolve(context.cwd, given) }]);
	return results;
}

interface SecondOptions {
	readonly ids: readonly string[];
	readonly out: string;
	/** The commit of the first run, which is that of the second too. */
	readonly revision: string | null;
}

/** Runs cells again, or reads the run in which another machine did. */
async function secondRun(
	context: CommandContext,
	{ argv, options }: NightGiven,
	{ ids, out, revision }: SecondOptions,
): Promise<Second> {
	const none = { cells: new Map(), code: exitCodes.asPredicted };
	if (options.again !== undefined) return { ...none, cells: cellsOf(await remembered(context, options.again)) };
	if (options.later || ids.length === 0) return none;
	const folder = path.join(out, 'again');
	rmSync(folder, { recursive: true, force: true });
	const label = options.label ?? (isRevision(revision) ? [`commit=${revision}`] : undefined);
	const passed = Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(passedOptions, name)));
	try {
		const request = requestOf({
			...{ argv, positionals: [] },
			options: { ...nothingGiven(runOptions), ...passed, label, cell: ids, out: folder },
		});
		const code = await executeRun({ ...request, remember: true }, context);
		const cells = cellsOf(await remembered(context, folder));
		return { cells, code: code === exitCodes.interrupted ? code : exitCodes.asPredicted };
	} catch (error) {
		if (context.signal.aborted) throw error;
		// What is new is told all the same.
		const code = explain(error, context);
		const reason = messageOf(error);
		return { cells: new Map(ids.map(id => [id, { status: 'error', reason }])), code };
	}
}

const cellsOf = ({ cells }: Results): Second['cells'] => new Map(cells.map(cell => [cell.id, cell]));

/** The cells of a run: one that passed when run again counts as good, one without a second verdict as having none. */
function judgedCells({ cells }: Results, { failures }: JudgedNews): CellResult[] {
	const judged = new Map(failures.map(({ cell, again }) => [cell.last.cell, again]));
	return cells.map(cell => {
		const again = judged.get(cell.id);
		if (again === undefined || again === 'confirmed') return cell;
		return { ...cell, status: again === 'passed' ? 'pass' : 'error' };
	});
}
