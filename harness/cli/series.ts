import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
	BuildFailure,
	type BuiltSeries,
	buildQemuSeries,
	debianSource,
	openCache,
	openQemuSource,
	type PatchFile,
} from '../../src/image/index.ts';
import { formatDuration, UsageError } from '../../src/lib/index.ts';
import type { PatchSeries } from '../../src/patch/index.ts';
import { readResults } from '../../src/run/index.ts';
import { caseFolders } from '../plan/case-files.ts';
import { collectCases } from '../plan/collect.ts';
import { planCells } from '../plan/plan.ts';
import { choicesOf } from '../plan/select.ts';
import { compareRuns, type RunComparison } from '../run/compare.ts';
import { newRunId } from '../run/run.ts';
import type { CommandContext } from '../usage/context.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import { explain } from '../usage/explain.ts';
import { type Command, type ParsedCommand, parseCommand } from './command.ts';
import { describeRunComparison } from './compare.ts';
import { command as inspect } from './inspect.ts';
import { progressPrinter } from './progress.ts';
import { command as run } from './run.ts';
import { casesOption, readSelection, selectOptions } from './select-options.ts';

const { on, kernel, 'board-kernel': boardKernel, machine, pmu, all } = selectOptions;
/** Options that both runs are given. */
const forwarded = {
	on,
	kernel,
	'board-kernel': boardKernel,
	machine,
	pmu,
	all,
	cases: run.options.cases!,
	jobs: run.options.jobs!,
	retries: run.options.retries!,
};

export const command: Command = {
	name: 'series',
	summary:
		'Validates a patch series for QEMU: builds the source as it stands and with the patches, for arm64 hosts with KVM, runs the same cells on both, and compares. The source is not touched; what was built is kept.',
	usage: 'PATCH... --source DIR|TARBALL|debian:SUITE [--case CASE]... [--out DIR] [--on WHERE] [--json]',
	options: {
		source: { value: 'DIR|TARBALL|debian:SUITE', help: "QEMU's source, which the patches are for" },
		case: {
			value: 'CASE',
			repeatable: true,
			help: "cases to run on both; default as 'vpmu run' chooses, all where either build has the PMU choice",
		},
		...forwarded,
		out: { value: 'DIR', help: 'folder of both runs; default vpmu-runs/ID' },
		json: { help: 'one JSON document on standard output instead of the tables' },
	},
	positionals: { minimum: 1, maximum: 999 },
	async run(context, parsed) {
		const { stdout, stderr, cwd } = context;
		const json = parsed.options.json === true;
		const shown = json ? stderr : stdout;
		const out = (parsed.options.out as string | undefined) ?? path.join('vpmu-runs', newRunId());
		// What the runs would refuse is refused before minutes of building.
		const asRun = parseCommand(run, argumentsOfRun(parsed));
		const { declarations } = await collectCases(caseFolders(context, casesOption(asRun)));
		planCells(declarations, readSelection(asRun));
		let built: BuiltSeries;
		try {
			built = await build(context, parsed);
		} catch (error) {
			if (!(error instanceof BuildFailure) || error.unpatched) throw error;
			// What was to be tested is at fault, not this machine.
			explain(error, context);
			return exitCodes.failed;
		}
		const { before, after } = built;
		shown.write(`${built.series.map(describeSeries).join('')}before: ${before.program}\nafter:  ${after.program}\n`);
		const where = parsed.options.on === undefined ? [] : ['--on', parsed.options.on as string];
		const quiet = json ? { ...context, stdout: stderr } : context;
		const inspected = await inspect.run(
			quiet,
			parseCommand(inspect, ['--qemu', before.program, '--diff', after.program, ...where]),
		);
		// The same cells on both: a build with the PMU choice would otherwise be given more than one without.
		const hasChoice = Object.values(choicesOf([before.program, after.program])).includes(true);
		const every = hasChoice && parsed.options.case === undefined && parsed.options.all !== true ? ['--all'] : [];
		const codes: number[] = [];
		for (const [when, { program, version }] of [
			['before', before],
			['after', after],
		] as const) {
			shown.write(`\nQEMU ${version} ${when} the series\n`);
			const argv = ['--qemu', program, '--out', path.join(out, when), ...every, ...argumentsOfRun(parsed)];
			const code = await run.run(quiet, parseCommand(run, argv));
			if (code === exitCodes.interrupted || code === exitCodes.lockBusy || code === exitCodes.usage) return code;
			codes.push(code);
		}
		const [first, second] = ['before', 'after'].map(when => readResults(path.resolve(cwd, out, when)));
		const comparison = compareRuns(first!, second!);
		const { code, why } = verdict(inspected, codes, comparison);
		const report = { schema: 'vpmu-series/1', out, before, after, comparison, exit: code, why };
		await writeFile(path.resolve(cwd, out, 'series.json'), `${JSON.stringify(report, null, 2)}\n`);
		if (json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		else {
			const verdictLine = `${code === exitCodes.asPredicted ? 'the series passes' : 'the series does not pass'}: ${why.join('; ')}`;
			stdout.write(`\nFrom before to after the series:\n${describeRunComparison(comparison)}${verdictLine}\n${out}\n`);
		}
		return code;
	},
};

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

/** A broken promise to old machine types, a failure with the series, or a regression; what failed before alone is not its fault. */
function verdict(
	inspected: number,
	[before, after]: readonly number[],
	{ regressions }: RunComparison,
): { readonly code: number; readonly why: readonly string[] } {
	const failures = [
		...(inspected === exitCodes.failed ? ['what QEMU says without a guest became worse'] : []),
		...(after === exitCodes.failed ? ['cells fail with it'] : []),
		...(regressions > 0 ? [`${regressions} cells became worse`] : []),
	];
	if (failures.length > 0) return { code: exitCodes.failed, why: failures };
	if (after === exitCodes.infrastructure || before === exitCodes.infrastructure) {
		return { code: exitCodes.infrastructure, why: ['the infrastructure failed, so that it is not known'] };
	}
	return { code: exitCodes.asPredicted, why: ['with it all is as predicted, and nothing became worse'] };
}

async function build({ env, signal, stderr, cwd }: CommandContext, { options, positionals }: ParsedCommand) {
	if (options.source === undefined) {
		throw new UsageError("'vpmu series' needs option '--source': a folder or an archive of QEMU's source");
	}
	const patches = await Promise.all(positionals.map(name => readPatch(name, cwd)));
	const named = options.source as string;
	const suite = /^debian:(.+)$/.exec(named)?.[1];
	const given = suite === undefined ? await openQemuSource(named, cwd) : undefined;
	const printer = progressPrinter(stderr);
	try {
		const cache = await openCache({ env, signal, onProgress: printer.report });
		const source = given ?? (await openQemuSource((await debianSource(cache, suite!, 'qemu')).path, cwd, named));
		const startedAt = performance.now();
		const built = await buildQemuSeries(cache, source, patches);
		printer.end();
		if (!built.after.fromCache) stderr.write(`Built in ${formatDuration(performance.now() - startedAt)}\n`);
		return built;
	} finally {
		printer.end();
	}
}

async function readPatch(name: string, cwd: string): Promise<PatchFile> {
	const content = await readFile(path.resolve(cwd, name)).catch(error => {
		throw new UsageError(`cannot read patch '${name}': ${error.code ?? error.message}`);
	});
	return { name, content };
}

function argumentsOfRun({ options }: ParsedCommand): string[] {
	const given = Object.keys(forwarded).flatMap(name => {
		const value = options[name];
		return value === undefined ? [] : value === true ? [`--${name}`] : [`--${name}`, String(value)];
	});
	return [...((options.case as string[] | undefined) ?? []), ...given];
}
