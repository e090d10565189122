import path from 'node:path';
import { BuildFailure, LinuxBuildFailure, verifiedHash } from '../../../../src/image/index.ts';
import { UsageError, type VpmuError } from '../../../../src/lib/index.ts';
import { type KernelUse, kernelUseOf } from '../../../../src/patch/index.ts';
import { type Conformance, describeConformance } from '../../../../src/pmu/index.ts';
import { kernelWords, type SeriesVerdict, seriesDocument, textOf } from '../../../../src/report/index.ts';
import { choicesOf, parseOn } from '../../../plan/select.ts';
import { newRunId } from '../../../run/folder.ts';
import { planRun } from '../../../run/request/request.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { exitCodes } from '../../../usage/exit-codes.ts';
import { explain } from '../../../usage/explain.ts';
import { widths } from '../../results/compare.ts';
import { publish, seriesReports } from '../outcome.ts';
import { planSides } from '../sides/plan.ts';
import { judgeSides } from '../sides/run.ts';
import type { Asked } from './interface.ts';
import {
	type BuiltPair,
	buildPair,
	buildReport,
	buildsOf,
	describeBuilds,
	type LinuxSeries,
	type SeriesGiven,
} from './pair.ts';
import { runSide } from './side.ts';
import { judgeSide, withNotes } from './verdict.ts';

/**
 * `vpmu series` for Linux: the same cells with the kernel before and after as the board's, the guests', or both; on the same QEMU, or
 * on that of a series that belongs to it.
 */
export async function linuxSeries(context: CommandContext, series: LinuxSeries): Promise<number> {
	const { stdout, stderr, cwd, env } = context;
	const { options } = series.given;
	const shown = options.json ? stderr : stdout;
	const quiet = options.json ? { ...context, stdout: stderr } : context;
	const out = options.out ?? path.join('vpmu-runs', newRunId());
	const { qemu } = options;
	// Refuse now what the runs would refuse after minutes of building.
	await planRun(series.requestFor({ ...(qemu === undefined ? {} : { qemu }) }), context);
	let built: BuiltPair;
	try {
		built = await buildPair(context, series);
	} catch (error) {
		const isOfSeries = error instanceof LinuxBuildFailure || error instanceof BuildFailure;
		if (!isOfSeries || error.unpatched) throw error;
		// The series is at fault, not this machine.
		explain(error as VpmuError, context);
		return exitCodes.failed;
	}
	const use = options.as ?? kernelUseOf(built.linux.touched);
	requireBoard(use, options);
	shown.write(describeBuilds(built, use, options.as === undefined, options.each));
	if (options['build-only']) {
		if (options.json) stdout.write(`${JSON.stringify(buildReport(built, use, series.source), null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const programs = built.qemu === undefined ? (qemu ?? []) : [built.qemu.before.program, built.qemu.after.program];
	const hasChoice = Object.values(choicesOf(programs.map(one => path.resolve(cwd, one)))).includes(true);
	const all = options.all || (hasChoice && options.case === undefined);
	const { fresh, on } = options;
	const runs = { context: quiet, out, on, use, qemu, all, requestFor: series.requestFor, built, fresh };
	const asked = new Map<string, Asked>();
	const sides = planSides(buildsOf(built, options.each), options.each);
	const ended = await judgeSides(sides, {
		identify: async side =>
			(await Promise.all([side.linux, side.qemu].flatMap(one => one?.program ?? []).map(verifiedHash))).join(' '),
		run: async side => {
			const versions = [side.linux && `Linux ${side.linux.version}`, side.qemu && `QEMU ${side.qemu.version}`];
			const named = versions.filter(text => text !== undefined).join(' and ');
			shown.write(`\n${named} ${side.when}, Linux as the kernel of ${kernelWords[use]}\n`);
			const seen = await runSide(runs, side, asked);
			if ('asked' in seen && seen.asked !== undefined && !('unasked' in seen.asked))
				shown.write(`${summaryOf(seen.asked)}\n`);
			return seen;
		},
		judge: (first, seen, side) =>
			judgeSide({ ...{ out, use, built, env, sides, side, first, seen }, source: series.source, pair: series.qemu }),
		tell: line => void shown.write(`\n${line}\n`),
	});
	if ('stopped' in ended) return ended.stopped;
	const verdict: SeriesVerdict = withNotes(ended, built, options.each);
	shown.write(await publish(verdict, cwd, env));
	if (options.json) stdout.write(seriesReports(verdict)['series.json']!);
	else stdout.write(`\n${textOf(seriesDocument(verdict, { isVerbose: options.verbose }), widths.text)}${out}\n`);
	return verdict.exit;
}

/** @throws UsageError if the host's kernel is to change but the host is not a board */
function requireBoard(use: KernelUse, { on, as }: SeriesGiven['options']): void {
	if (use === 'guest' || parseOn(on).startsWith('board')) return;
	const why = as === undefined ? 'by the files that it touches, it is for the kernel of the host' : `'--as ${as}'`;
	throw new UsageError(`${why}, which only a board can exchange: '--on board', or '--as guest'`);
}

/** The line that says how many of a kernel's answers are as they should be. */
const summaryOf = (found: Conformance) =>
	describeConformance(found)
		.split('\n')
		.find(line => /^\d/.test(line)) ?? '';
