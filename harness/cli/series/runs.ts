import path from 'node:path';
import { type BuiltQemu, type BuiltSeries, openCache, verifiedHash } from '../../../src/image/index.ts';
import { counted, DeadlineError, firstCause, LockBusyError, VpmuError } from '../../../src/lib/index.ts';
import type { InspectionComparison } from '../../../src/qemu/index.ts';
import { type Results, readResults } from '../../../src/run/index.ts';
import { executeRun } from '../../run/execute.ts';
import type { RunRequest } from '../../run/request/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { earlierKey, findEarlier, keepEarlier, takeEarlier } from './earlier.ts';
import type { Stopped } from './sides/run.ts';
import { nameStep } from './steps.ts';

/** How the runs of a series are made. */
export interface SeriesRuns {
	/** Its standard output is where the tables of the runs go. */
	readonly context: CommandContext;
	/** The folder of all runs, as it was given. */
	readonly out: string;
	/** Run the unpatched build's cells again, even if an earlier run has them. */
	readonly fresh: boolean;
	/** What a run of a program is asked for. */
	readonly requestFor: (program: string, out: string) => RunRequest;
	/** Runs a request. Default {@link executeRun}. */
	readonly execute?: typeof executeRun;
}

/** Results of a run, and the sentence that says where they come from if it was an earlier one. */
export interface Ran {
	readonly results: Results;
	readonly taken: string | undefined;
}

/** Exit statuses of runs that end the series. */
export const stops: readonly number[] = [exitCodes.interrupted, exitCodes.lockBusy, exitCodes.usage];

/** Runs the cells of a build into a folder of its own. */
async function runCells(
	{ context, out, requestFor, execute = executeRun }: SeriesRuns,
	{ program }: BuiltQemu,
	folder: string,
): Promise<Stopped | { readonly results: Results }> {
	const code = await execute(requestFor(program, path.join(out, folder)), context);
	return stops.includes(code) ? { stopped: code } : { results: readResults(path.resolve(context.cwd, out, folder)) };
}

/** Provides the results of the unpatched build's cells: those of an earlier run of the same, or of one that runs now. */
export async function runBefore(runs: SeriesRuns, before: BuiltQemu): Promise<Ran | Stopped> {
	const folder = path.join(runs.out, 'before');
	runs.context.stdout.write(`\nQEMU ${before.version} before the series\n`);
	return await takeOrRun(runs, { request: runs.requestFor(before.program, folder), folder, program: before.program });
}

/** A run whose results an earlier one may have. */
export interface Repeatable {
	readonly request: RunRequest;
	/** Its folder, as in the request. */
	readonly folder: string;
	/** A QEMU whose place does not matter. */
	readonly program?: string;
}

/** Provides results: those of an earlier run of the same, or of one that runs now. */
export async function takeOrRun(
	{ context, fresh, execute = executeRun }: Pick<SeriesRuns, 'context' | 'fresh' | 'execute'>,
	{ request, folder, program }: Repeatable,
): Promise<Ran | Stopped> {
	const runFolder = path.resolve(context.cwd, folder);
	const cache = await openCache({ env: context.env, signal: context.signal });
	const key = await earlierKey(cache, context, request, program);
	const earlier = fresh || key === undefined ? undefined : await findEarlier(cache, key);
	if (earlier !== undefined) {
		const taken = await takeEarlier(earlier, runFolder);
		context.stdout.write(`${taken}\n`);
		return { results: earlier.results, taken };
	}
	const code = await execute(request, context);
	if (stops.includes(code)) return { stopped: code };
	if (key !== undefined) await keepEarlier(cache, key, runFolder);
	return { results: readResults(runFolder), taken: undefined };
}

/** A patched build that was run, and what the judge said. */
export interface JudgedStep<T> {
	/** Its place among the builds, from 0. */
	readonly at: number;
	/** Such as `patch 3 'title'`. */
	readonly name: string;
	/**
	 * What builds up to it wrote to stderr and the unpatched one did not, one sentence for each patch, which it names; and why
	 * a build could not be inspected.
	 */
	readonly said: readonly string[];
	readonly judged: T;
}

/** What looks at a build, before and after its cells run. */
export interface Judge<T> {
	/** @throws VpmuError when a build could not be asked: the cells still run, and the verdict says so */
	readonly inspect: (program: string) => Promise<InspectionComparison>;
	/** `inspected` is absent if the builds could not be asked. */
	readonly judge: (built: BuiltQemu, results: Results, inspected: InspectionComparison | undefined) => T;
}

/**
 * Runs the cells of each patched build, one after another, until one does not pass. A build whose program is the one before it, as after
 * a patch to documentation, is not run.
 */
export async function runSteps<T extends { readonly exit: number }>(
	runs: SeriesRuns,
	{ before, steps }: BuiltSeries,
	unpatched: Results,
	{ inspect, judge }: Judge<T>,
): Promise<JudgedStep<T> | Stopped> {
	const { stdout } = runs.context;
	const isEach = steps.length > 1;
	const known = new Set(saidIn(unpatched));
	const said: string[] = [];
	let hash = await verifiedHash(before.program);
	for (const [at, step] of steps.entries()) {
		const [isLast, name] = [at === steps.length - 1, nameStep(step, at, isEach)];
		const own = await verifiedHash(step.built.program);
		if (own === hash && !isLast) {
			stdout.write(`\n${name}: the program is the one before it, so there is nothing to run\n`);
			continue;
		}
		hash = own;
		stdout.write(`\nQEMU ${step.built.version} ${isLast ? 'after the series' : `with ${name}`}\n`);
		const inspected = await answerOrWhy(inspect(step.built.program));
		if (inspected instanceof VpmuError) {
			const why = `${name} could not be asked without a guest: ${inspected.message}`;
			stdout.write(`${why}\n`);
			said.push(why);
		}
		const ran = await runCells(runs, step.built, isLast ? 'after' : `patch-${at + 1}`);
		if ('stopped' in ran) return ran;
		const lines = saidIn(ran.results).filter(line => !known.has(line));
		for (const line of lines) known.add(line);
		const make = isEach || step.patches.length === 1 ? 'makes' : 'make';
		if (lines.length > 0) said.push(`${name} ${make} QEMU write to stderr: ${linesText(lines)}`);
		const judged = judge(step.built, ran.results, inspected instanceof VpmuError ? undefined : inspected);
		if (judged.exit !== exitCodes.asPredicted || isLast) return { at, name, said, judged };
	}
	throw new Error('a series has at least one build');
}

/**
 * Returns the answers of a build or kernel, or why there are none: one that does not answer must not cost the other observations.
 * @throws UsageError, LockBusyError, and whatever is not a fault of what was asked
 */
export async function answerOrWhy<T>(asking: Promise<T>): Promise<T | VpmuError> {
	try {
		return await asking;
	} catch (thrown) {
		const error = firstCause(thrown);
		if (error instanceof DeadlineError) return new VpmuError(error.message, { blame: 'host', cause: error });
		if (error instanceof VpmuError && error.blame !== 'user' && !(error instanceof LockBusyError)) return error;
		throw thrown;
	}
}

/** New lines of stderr that are told, such as the first of a sanitizer's report; all are in the results. */
const linesShown = 3;

/** Joins the first of some lines. */
export function linesText(lines: readonly string[]): string {
	const rest = lines.length - linesShown;
	return [...lines.slice(0, linesShown), ...(rest > 0 ? [`and ${counted(rest, 'more line')}`] : [])].join(' | ');
}

/** The lines that QEMUs of a run wrote to stderr, without what differs from start to start. */
export function saidIn({ cells }: Results): string[] {
	const lines = cells.flatMap(cell => cell.logs?.qemu.stderr ?? []);
	return [
		...new Set(
			lines.map(line =>
				line
					.replace(/^(?:\S*\/)?(qemu-system-aarch64): /, '$1: ')
					.replace(/\b0x[0-9a-f]+/g, '0x...')
					.replace(/==\d+==/g, '==PID==')
					.replace(/\b(pid|PID)[ =]\d+/g, '$1 N')
					.trimEnd(),
			),
		),
	].filter(line => line !== '');
}
