import path from 'node:path';
import { BuildFailure, type BuiltSeries } from '../../../src/image/index.ts';
import type { PatchSeries } from '../../../src/patch/index.ts';
import { seriesDocument, textOf } from '../../../src/report/index.ts';
import { readResults } from '../../../src/run/index.ts';
import { choicesOf } from '../../plan/select.ts';
import { executeRun } from '../../run/execute.ts';
import { newRunId } from '../../run/folder.ts';
import { planRun, type RunRequest } from '../../run/request.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { explain } from '../../usage/explain.ts';
import { type Given, nothingGiven } from '../command.ts';
import { inspectBoth } from '../facts/inspect.ts';
import { runOptions } from '../guests/options.ts';
import { requestOf } from '../guests/run.ts';
import { widths } from '../results/compare.ts';
import { buildSeries, readPatch } from './build.ts';
import { projectOfSeries } from './linux/project.ts';
import { linuxSeries } from './linux/series.ts';
import type { seriesOptions } from './options.ts';
import { publish, seriesReports, verdictOf } from './outcome.ts';
import { describeSteps } from './steps.ts';

type SeriesGiven = Given<typeof seriesOptions>;
type RunGiven = Given<typeof runOptions>['options'];

/** `vpmu series`. */
export async function series(context: CommandContext, given: SeriesGiven): Promise<number> {
	const { stdout, stderr, cwd, env } = context;
	const { options } = given;
	const { json } = options;
	const shown = json ? stderr : stdout;
	const out = options.out ?? path.join('vpmu-runs', newRunId());
	const files = await Promise.all(given.positionals.map(name => readPatch(name, cwd)));
	if ((await projectOfSeries(context, given, files)) === 'linux') {
		return await linuxSeries(context, { given, files, requestFor: own => requestFor(given, own) });
	}
	// What the runs would refuse is refused before minutes of building.
	await planRun(requestFor(given, {}), context);
	let built: BuiltSeries;
	try {
		built = await buildSeries(context, given);
	} catch (error) {
		if (!(error instanceof BuildFailure) || error.unpatched) throw error;
		// What was to be tested is at fault, not this machine.
		explain(error, context);
		return exitCodes.failed;
	}
	const { before, after } = built;
	shown.write(`${built.series.map(describeSeries).join('')}before: ${before.program}\nafter:  ${after.program}\n`);
	shown.write(describeSteps(built, options.each));
	if (options['build-only']) {
		if (json)
			stdout.write(
				`${JSON.stringify({ schema: 'vpmu-series/1', before, after, exit: exitCodes.asPredicted }, null, 2)}\n`,
			);
		return exitCodes.asPredicted;
	}
	const quiet = json ? { ...context, stdout: stderr } : context;
	const inspected = await inspectBoth(quiet, before.program, after.program, options.on);
	// The same cells on both: a build with the PMU choice would otherwise be given more than one without.
	const hasChoice = Object.values(choicesOf([before.program, after.program])).includes(true);
	const all = options.all || (hasChoice && options.case === undefined);
	for (const [when, { program, version }] of [
		['before', before],
		['after', after],
	] as const) {
		shown.write(`\nQEMU ${version} ${when} the series\n`);
		const request = requestFor(given, { qemu: [program], out: path.join(out, when), all });
		const code = await executeRun(request, quiet);
		if (code === exitCodes.interrupted || code === exitCodes.lockBusy || code === exitCodes.usage) return code;
	}
	const [first, second] = ['before', 'after'].map(when => readResults(path.resolve(cwd, out, when)));
	const verdict = verdictOf({
		...{ out, source: options.source!, built, inspected, env },
		...{ before: first!, after: second! },
	});
	shown.write(await publish(verdict, cwd, env));
	if (json) stdout.write(seriesReports(verdict)['series.json']!);
	else stdout.write(`\n${textOf(seriesDocument(verdict, { isVerbose: options.verbose }), widths.text)}${out}\n`);
	return verdict.exit;
}

/** What a series is: its title, its patches, what it says it builds on, and what was left out. */
function describeSeries({ title, version, patches, base, notes }: PatchSeries): string {
	const lines = [
		`series: ${title}${version === 1 ? '' : ` (v${version})`}, ${patches.length} ${patches.length === 1 ? 'patch' : 'patches'}`,
		...(base.changeId === undefined ? [] : [`  change-id: ${base.changeId}`]),
		...(base.baseCommit === undefined ? [] : [`  base-commit: ${base.baseCommit}`]),
		...base.basedOn.map(id => `  Based-on: ${id}`),
		...base.prerequisites.map(line => `  ${line}`),
		...notes.map(note => `  ${note}`),
		...patches.filter(patch => patch.isFlowed).map(patch => `  '${patch.title}' was sent as format=flowed`),
	];
	return `${lines.join('\n')}\n`;
}

/** What one of the two runs is asked for. @throws UsageError */
function requestFor({ argv, options }: SeriesGiven, own: Partial<RunGiven>): RunRequest {
	const { source: _, case: cases, json: _json, out: _out, range: _range, verbose: _verbose, ...rest } = options;
	const { 'build-only': _only, 'build-limit': _limit, each: _each, fresh: _fresh, ...others } = rest;
	const {
		'configure-args': _arguments,
		sanitize: _sanitize,
		as: _as,
		config: _config,
		qemu: _qemu,
		...shared
	} = others;
	return requestOf({
		...{ argv, positionals: cases ?? [] },
		options: { ...nothingGiven(runOptions), ...shared, ...own },
	});
}
