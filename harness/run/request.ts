import { UsageError } from '../../src/lib/index.ts';
import type { Results } from '../../src/run/index.ts';
import { type CaseFile, type CasePlace, caseFolders, namesOf } from '../plan/case-files.ts';
import { collectCases } from '../plan/collect.ts';
import { type Cell, planCells, type Selection, shardOf } from '../plan/plan.ts';
import { type QuarantineEntry, readQuarantine } from './quarantine.ts';

/** All that a run is asked for, read once from a command line. */
export interface RunRequest {
	/** The command line that asks for it, for the results. */
	readonly argv: readonly string[];
	readonly selection: Selection;
	/** The folder of the user's own cases, where one is named. */
	readonly casesFolder?: string | undefined;
	/** Guest kernel and kernel of boards: a path or `debian:SUITE`. */
	readonly kernel: string;
	readonly boardKernel: string;
	/** Cells side by side; default one per core. */
	readonly jobs?: number | undefined;
	/** How often a cell that ends with an infrastructure error is tried again. */
	readonly retries: number;
	/** Retry failures too. */
	readonly retryFailures: boolean;
	/** Give up a cell that shows no progress for so long, times its host's slowness. */
	readonly silenceMs?: number | undefined;
	/** File with the cells whose failures are expected. */
	readonly quarantine?: string | undefined;
	/** Wait for locks that others hold. */
	readonly wait: boolean;
	/** Leave the guest of the one cell running. */
	readonly keep: boolean;
	/** Run folder; default `vpmu-runs/ID`. */
	readonly out?: string | undefined;
	/** Results as JSON on standard output, the table on standard error. */
	readonly json: boolean;
	/** Notes of whoever started the run, for `run.labels` of its results. */
	readonly labels: Readonly<Record<string, string>>;
}

/** What a request comes to. */
export interface RunPlan {
	readonly cells: readonly Cell[];
	/** Case files by the cases' names. */
	readonly files: ReadonlyMap<string, CaseFile>;
	readonly quarantine: readonly QuarantineEntry[];
	readonly shard: Results['run']['shard'];
}

/** Plans the cells of a request; starts nothing. @throws UsageError for a selection that names nothing to run */
export async function planRun(
	{ selection: asked, casesFolder, quarantine }: RunRequest,
	place: CasePlace,
): Promise<RunPlan> {
	const { declarations, files } = await collectCases(caseFolders(place, casesFolder));
	const selection = { ...asked, cases: namesOf(asked.cases, files, place.cwd) };
	const cells = planCells(declarations, selection);
	if (cells.length === 0) {
		throw new UsageError('no cell is left to run: every case was filtered out by the options given');
	}
	const cases = [...new Set(declarations.map(one => one.case))];
	return {
		cells,
		files,
		quarantine: quarantine === undefined ? [] : readQuarantine(quarantine, cases),
		shard: shardOf(declarations, selection),
	};
}
