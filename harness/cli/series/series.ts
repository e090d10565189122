import path from 'node:path';
import { BuildFailure, type BuiltSeries } from '../../../src/image/index.ts';
import { counted } from '../../../src/lib/index.ts';
import type { PatchSeries } from '../../../src/patch/index.ts';
import { type SeriesVerdict, seriesDocument, textOf } from '../../../src/report/index.ts';
import { choicesOf } from '../../plan/select.ts';
import { newRunId } from '../../run/folder.ts';
import { planRun } from '../../run/request/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import type { Given } from '../command.ts';
import { inspectBoth } from '../facts/inspect.ts';
import { widths } from '../results/compare.ts';
import { buildSeries, readPatch } from './build.ts';
import { projectsOfSeries } from './linux/project.ts';
import { linuxSeries } from './linux/series.ts';
import type { seriesOptions } from './options.ts';
import { publish, seriesReports, verdictOf } from './outcome.ts';
import { requestFor } from './request.ts';
import { type JudgedStep, type Ran, runBefore, runSteps } from './runs.ts';
import { describeSteps, nameStep } from './steps.ts';

type SeriesGiven = Given<typeof seriesOptions>;

/** `vpmu series`. */
export async function series(context: CommandContext, given: SeriesGiven): Promise<number> {
	const { stdout, stderr, cwd, env, signal } = context;
	const { options } = given;
	const { json } = options;
	const shown = json ? stderr : stdout;
	const out = options.out ?? path.join('vpmu-runs', newRunId());
	const files = await Promise.all(given.positionals.map(name => readPatch(name, cwd, signal)));
	const { linux, qemu: ofQemu } = await projectsOfSeries(context, given, files);
	if (linux !== undefined) {
		const qemu = ofQemu && { source: ofQemu.source, files: ofQemu.files.map(file => file.name) };
		return await linuxSeries(context, { given, ...linux, qemu, requestFor: own => requestFor(given, own) });
	}
	// Refuse now what the runs would refuse after minutes of building.
	await planRun(requestFor(given, {}), context);
	let built: BuiltSeries;
	try {
		built = await buildSeries(context, given);
	} catch (error) {
		if (!(error instanceof BuildFailure) || error.unpatched) throw error;
		// The series is at fault, not this machine.
		explain(error, context);
		return exitCodes.failed;
	}
	const { before, after } = built;
	shown.write(`${built.series.map(describeSeries).join('')}before: ${before.program}\nafter:  ${after.program}\n`);
	shown.write(describeSteps(built, options.each));
	if (options['build-only']) {
		const steps = built.steps.map(({ patches, built: one, warnings }) => ({
			...{ patches: patches.map(patch => patch.title), program: one.program, warnings },
		}));
		const report = { schema: 'vpmu-series/1', before, after, steps, exit: exitCodes.asPredicted };
		if (json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const quiet = json ? { ...context, stdout: stderr } : context;
	// The same cells on all builds: one with the PMU choice would otherwise be given more than one without.
	const hasChoice = Object.values(choicesOf([before.program, after.program])).includes(true);
	const all = options.all || (hasChoice && options.case === undefined);
	const runs = {
		...{ context: quiet, out, fresh: options.fresh },
		requestFor: (program: string, folder: string) => requestFor(given, { qemu: [program], out: folder, all }),
	};
	const first = await runBefore(runs, before);
	if ('stopped' in first) return first.stopped;
	const ended = await runSteps(runs, built, first.results, {
		inspect: async program => await inspectBoth(quiet, before.program, program, options.on),
		judge: (step, results, inspected) =>
			verdictOf({
				...{ out, source: ofQemu!.source, inspected, env, before: first.results, after: results },
				built: { ...built, after: step },
			}),
	});
	if ('stopped' in ended) return ended.stopped;
	const verdict = withNotes(ended, first, built, options.each);
	shown.write(await publish(verdict, cwd, env));
	if (json) stdout.write(seriesReports(verdict)['series.json']!);
	else stdout.write(`\n${textOf(seriesDocument(verdict, { isVerbose: options.verbose }), widths.text)}${out}\n`);
	return verdict.exit;
}

/** A verdict with what the builds and runs have shown besides: which patch it is, where results come from, and what is new. */
function withNotes(
	{ name, at, said, judged }: JudgedStep<SeriesVerdict>,
	{ taken }: Ran,
	{ steps }: BuiltSeries,
	isEach: boolean,
): SeriesVerdict {
	const isWorse = judged.exit === exitCodes.failed;
	const which = isEach && isWorse && steps.length > 1 ? [`${name} is the first with which this is so`] : [];
	const notes = [
		...(taken === undefined ? [] : [`results of the unpatched QEMU: ${taken}`]),
		...steps.flatMap((step, index) =>
			step.warnings.map(line => `${nameStep(step, index, isEach)} adds a compiler warning: ${line}`),
		),
		...said,
		...(isEach && isWorse && at < steps.length - 1 ? [`the patches after ${name} were built and not run`] : []),
	];
	const last = judged.series.length - 1;
	const series = judged.series.map((one, index) =>
		index === last ? { ...one, notes: [...one.notes, ...notes] } : one,
	);
	return { ...judged, series, why: [...which, ...judged.why] };
}

/** What a series is: its title, its patches, what it says it builds on, and what was left out. */
function describeSeries({ title, version, patches, base, notes }: PatchSeries): string {
	const lines = [
		`series: ${title}${version === 1 ? '' : ` (v${version})`}, ${counted(patches.length, 'patch', 'patches')}`,
		...(base.changeId === undefined ? [] : [`  change-id: ${base.changeId}`]),
		...(base.baseCommit === undefined ? [] : [`  base-commit: ${base.baseCommit}`]),
		...base.basedOn.map(id => `  Based-on: ${id}`),
		...base.prerequisites.map(line => `  ${line}`),
		...notes.map(note => `  ${note}`),
		...patches.filter(patch => patch.isFlowed).map(patch => `  '${patch.title}' was sent as format=flowed`),
	];
	return `${lines.join('\n')}\n`;
}
