import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { startTime } from '../../src/host/index.ts';
import { hostArchitecture, requireUsable } from '../../src/image/index.ts';
import { eitherSignal, messageOf, systemFault, VpmuError } from '../../src/lib/index.ts';
import { PrettyReport } from '../../src/report/index.ts';
import type { Results } from '../../src/run/index.ts';
import { durationOf, storedDurations } from '../plan/shards.ts';
import type { KeptSockets } from '../protocol/lease.ts';
import type { CommandContext } from '../usage/context.ts';
import { exitCodeOfCells, exitCodes } from '../usage/exit-codes.ts';
import { explain } from '../usage/explain.ts';
import { onActions } from './engines/actions.ts';
import { newRunId } from './folder.ts';
import { abandoned } from './kept/handover.ts';
import { keeperVariable, oneCell, runUnderKeeper } from './kept/keeper.ts';
import { keptMs, readKept, writeKept } from './kept/kept.ts';
import { remember } from './remember.ts';
import { planRun, type RunPlan, type RunRequest } from './request/request.ts';
import { smallKernelHint } from './request/small-kernel.ts';
import { Resources } from './resources/resources.ts';
import { runRounds } from './rounds/rounds.ts';
import { type Run, startRun } from './run.ts';

/**
 * Plans, runs and reports the cells of a request. Returns the exit status; results go to the run folder, and to the
 * context's streams if requested.
 * @throws UsageError for a request that cannot be met; VpmuError if the infrastructure fails as a whole
 */
export async function executeRun(request: RunRequest, context: CommandContext): Promise<number> {
	const { json } = request;
	const plan = await planRun(request, context);
	const keeperFile = request.keep ? context.env[keeperVariable] : undefined;
	if (request.keep) {
		oneCell(plan.cells);
		if (keeperFile === undefined) return await runUnderKeeper(context);
	}
	await checkParts(request, context);
	const out = json ? context.stderr : context.stdout;
	const runId = newRunId();
	const durations = storedDurations(context.env);
	const pretty = new PrettyReport({
		folder: request.out ?? path.join('vpmu-runs', runId),
		...{ rows: out.rows, jobs: request.jobs ?? availableParallelism() },
		expectedMs: cell => durationOf(durations, cell),
		columns: out.isTTY ? (out.columns ?? 80) : undefined,
		colour: out.isTTY === true && !context.env.NO_COLOR,
	});
	const actions = onActions(context, out);
	if (plan.shard !== undefined) out.write(describeShard(plan, plan.shard));
	const signal =
		keeperFile === undefined
			? context.signal
			: eitherSignal(context.signal, abandoned(context), AbortSignal.timeout(keptMs)).signal;
	const run: Run = await startRun({
		id: runId,
		...{ argv: request.argv, env: context.env, signal, cells: plan.cells, labels: request.labels },
		...{ quarantine: plan.quarantine, shard: plan.shard },
		...{ kernel: request.kernel, boardKernel: request.boardKernel, out: request.out },
		...{ wait: request.wait, jobs: request.jobs, silenceMs: request.silenceMs },
		...(keeperFile === undefined
			? {}
			: { onKept: (cell: string, sockets: KeptSockets) => void keepUp(run, keeperFile, cell, sockets, show) }),
		onEvent: event => void out.write(pretty.receive(event)),
	});
	const show = (results: Results) => {
		if (json) context.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
		out.write(PrettyReport.closing(results, path.relative(context.cwd, run.folder.path) || '.'));
		out.write(smallKernelHint(results));
		if (request.remember === true) remember(results, run.folder.path, context);
	};
	// On a terminal, times go on while nothing happens.
	const ticking = out.isTTY ? setInterval(() => void out.write(pretty.tick()), 1000) : undefined;
	let failure: unknown;
	try {
		await runRounds(run, plan.cells, {
			...{ env: context.env, signal, keep: keeperFile !== undefined, files: plan.files },
			...{ retries: request.retries, retryFailures: request.retryFailures },
		});
	} catch (error) {
		failure = error;
	} finally {
		clearInterval(ticking);
	}
	const interrupted = signal.aborted;
	const isKept = keeperFile !== undefined && (await readKept(keeperFile)) !== undefined;
	const results = await run.finish({ interrupted });
	if (isKept) {
		for (const end of ['json', 'out', 'err']) await rm(keeperFile.replace(/json$/, end), { force: true });
		return exitCodes.asPredicted;
	}
	show(results);
	await actions.report(results, request.out ?? path.join('vpmu-runs', runId));
	if (interrupted) return exitCodes.interrupted;
	if (failure !== undefined) throw failure;
	return codeOf(run, results, context);
}

/** Checks the kernels and machine types that the user named before anything is booted. */
async function checkParts(
	{ selection, kernel, boardKernel, wait }: RunRequest,
	context: CommandContext,
): Promise<void> {
	const isOwn = (source: string | null): source is string => source !== null && !source.startsWith('debian:');
	const ofGuests = new Set([kernel, ...(selection.kernels ?? [])].filter(isOwn));
	const ofBoards = new Set([boardKernel, ...(selection.boardKernels ?? [])].filter(isOwn));
	const ownKernels = [...new Set([...ofGuests, ...ofBoards])];
	if (selection.machines === undefined && ownKernels.length === 0) return;
	const { env, signal, stderr } = context;
	const onProgress = progressLines(stderr);
	await using resources = new Resources({ kernel, boardKernel, env, wait, signal, onProgress });
	const architecture = selection.accel === 'tcg' ? hostArchitecture() : 'arm64';
	for (const source of ownKernels) await resources.guests.kernel(source);
	const isOnBoard = selection.on.startsWith('board');
	for (const source of isOnBoard ? ofBoards : []) requireUsable(await resources.guests.kernel(source), 'board');
	for (const source of ofGuests) requireUsable(await resources.guests.kernel(source), 'guest');
	await resources.qemus.checkMachines(selection.machines ?? [], selection.qemus, architecture);
}

function describeShard({ cells }: RunPlan, { index, count, division }: NonNullable<RunPlan['shard']>): string {
	return `- shard ${index} of ${count}: ${cells.length} cells of division ${division}; all parts must name the same one\n`;
}

/** A failure of the thing under test outranks other errors. */
function codeOf(run: Run, results: Results, context: CommandContext): number {
	const code = exitCodeOfCells(results.cells);
	const { problem } = run.folder;
	if (problem !== undefined) {
		const error = systemFault(problem) ?? problem;
		const wrapped = new VpmuError(`the run folder could not be written: ${messageOf(error)}`, { blame: 'host' });
		const status = explain(wrapped, context);
		return code === exitCodes.failed ? code : status;
	}
	if (run.lockBusy === undefined || code === exitCodes.failed) return code;
	return explain(run.lockBusy, context);
}

/** The guest of the run's cell stays: writes the results now, and records for others how to reach the guest. */
async function keepUp(
	run: Run,
	file: string,
	cell: string,
	sockets: KeptSockets,
	show: (results: Results) => void,
): Promise<void> {
	const results = run.conclude({ interrupted: false });
	show(results);
	await writeKept(file, {
		...{ id: run.id, cell, runFolder: run.folder.path, sockets },
		keeperPid: process.pid,
		keeperStarted: (await startTime(process.pid)) ?? '',
		since: new Date().toISOString(),
		until: new Date(Date.now() + keptMs).toISOString(),
		exit: exitCodeOfCells(results.cells),
	});
}

/** Prints each step once, on a line. */
function progressLines(stderr: CommandContext['stderr']): (what: string) => void {
	let last = '';
	return what => {
		if (what !== last) stderr.write(`- ${what}\n`);
		last = what;
	};
}
