import { UsageError } from '../../../src/lib/index.ts';
import type { Results } from '../../../src/run/index.ts';
import { type CaseFile, type CasePlace, caseFolders, namesOf } from '../../plan/case-files.ts';
import { collectCases } from '../../plan/collect.ts';
import { type Cell, planCells, type Selection, shardOf } from '../../plan/plan.ts';
import { type QuarantineEntry, readQuarantine } from './quarantine.ts';

/** A request for a run, parsed once from the command line. */
export interface RunRequest {
	/** The command line it came from, for the results. */
	readonly argv: readonly string[];
	readonly selection: Selection;
	/** The folder of the user's own cases, if named. */
	readonly casesFolder?: string | undefined;
	/** Kernels of guests and boards: a path or `debian:SUITE`. */
	readonly kernel: string;
	readonly boardKernel: string;
	/** Number of cells that run in parallel; default one per core. */
	readonly jobs?: number | undefined;
	/** How often a cell with an infrastructure error is retried. */
	readonly retries: number;
	/** Retry failures too. */
	readonly retryFailures: boolean;
	/** Give up a cell that shows no progress for this long, scaled by its host's slowness. */
	readonly silenceMs?: number | undefined;
	/** File that lists cells whose failures are expected. */
	readonly quarantine?: string | undefined;
	/** Wait for locks held by others. */
	readonly wait: boolean;
	/** Leave the guest of the one cell running. */
	readonly keep: boolean;
	/** Add the run to the user's history. */
	readonly remember?: boolean;
	/** Run folder; default `vpmu-runs/ID`. */
	readonly out?: string | undefined;
	/** Results as JSON on standard output, the table on standard error. */
	readonly json: boolean;
	/** Notes of the user about the run, for `run.labels` of its results. */
	readonly labels: Readonly<Record<string, string>>;
}

/** The plan for a request. */
export interface RunPlan {
	readonly cells: readonly Cell[];
	/** Case files by case name. */
	readonly files: ReadonlyMap<string, CaseFile>;
	readonly quarantine: readonly QuarantineEntry[];
	readonly shard: Results['run']['shard'];
}

/** Plans the cells of a request; starts nothing. @throws UsageError if the selection leaves nothing to run */
export async function planRun(
	{ selection: asked, casesFolder, quarantine }: RunRequest,
	place: CasePlace,
): Promise<RunPlan> {
	const { declarations, files } = await collectCases(caseFolders(place, casesFolder));
	const selection = { ...asked, cases: namesOf(asked.cases, files, place.cwd) };
	const cells = planCells(declarations, selection);
	if (cells.length === 0) {
		throw new UsageError('no cell is left to run: the options exclude every case');
	}
	const cases = [...new Set(declarations.map(one => one.case))];
	return {
		cells,
		files,
		quarantine: quarantine === undefined ? [] : readQuarantine(quarantine, cases),
		shard: shardOf(declarations, selection),
	};
}
