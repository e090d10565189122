import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compareSides, sideOf } from '../../../../src/compare/index.ts';
import {
	type BuiltLinux,
	type BuiltLinuxSeries,
	LinuxBuildFailure,
	type PatchFile,
	verifiedHash,
} from '../../../../src/image/index.ts';
import { UsageError } from '../../../../src/lib/index.ts';
import { type KernelUse, kernelUseOf } from '../../../../src/patch/index.ts';
import { type Conformance, describeConformance } from '../../../../src/pmu/index.ts';
import { type Results, readResults } from '../../../../src/run/index.ts';
import { choicesOf, parseOn } from '../../../plan/select.ts';
import { executeRun } from '../../../run/execute.ts';
import { newRunId } from '../../../run/folder.ts';
import { planRun, type RunRequest } from '../../../run/request.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { exitCodes } from '../../../usage/exit-codes.ts';
import { explain } from '../../../usage/explain.ts';
import type { Given } from '../../command.ts';
import { comparisonText } from '../../results/compare.ts';
import type { seriesOptions } from '../options.ts';
import { buildLinux } from './build.ts';
import { type Asked, askInterface, interfaceChange } from './interface.ts';
import { count, describeChange, inWords, verdict } from './verdict.ts';

type SeriesGiven = Given<typeof seriesOptions>;

/** What `vpmu series` brings for a series of Linux. */
export interface LinuxSeries {
	readonly given: SeriesGiven;
	readonly files: readonly PatchFile[];
	/** Makes the request of one of the two runs. @throws UsageError */
	readonly requestFor: (own: {
		readonly qemu?: readonly string[];
		readonly kernel?: string;
		readonly 'board-kernel'?: string;
		readonly out?: string;
		readonly all?: boolean;
	}) => RunRequest;
}

/** `vpmu series` for Linux: the same cells on the same QEMU, with the kernel before and after as the board's, the guests', or both. */
export async function linuxSeries(context: CommandContext, series: LinuxSeries): Promise<number> {
	const { stdout, stderr, cwd } = context;
	const { options } = series.given;
	const shown = options.json ? stderr : stdout;
	const out = options.out ?? path.join('vpmu-runs', newRunId());
	const { qemu } = options;
	// Refuse now what the runs would refuse after minutes of building.
	await planRun(series.requestFor({ ...(qemu === undefined ? {} : { qemu }) }), context);
	let built: BuiltLinuxSeries;
	try {
		const { source, range, config, 'build-limit': limits, selftests, each } = options;
		built = await buildLinux(context, { source: source!, range, config, limits, selftests, each }, series.files);
	} catch (error) {
		if (!(error instanceof LinuxBuildFailure) || error.unpatched) throw error;
		// The series is at fault, not this machine.
		explain(error, context);
		return exitCodes.failed;
	}
	const use = options.as ?? kernelUseOf(built.touched);
	requireBoard(use, options);
	const titles = built.series.map(
		({ title, patches }) => `series: ${title}, ${count(patches.length, 'patch', 'patches')}\n`,
	);
	shown.write(`${titles.join('')}before: ${built.before.image}\nafter:  ${built.after.image}\n`);
	shown.write(
		`Linux ${built.after.version} is the kernel of ${inWords[use]}${options.as === undefined ? ', by the files that the series touches' : ''}\n`,
	);
	if (options['build-only']) {
		const sides = { before: buildOf(built.before), after: buildOf(built.after) };
		const report = { schema: 'vpmu-series/1', tree: 'linux', as: use, ...sides, exit: exitCodes.asPredicted };
		if (options.json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const hasChoice = Object.values(choicesOf((qemu ?? []).map(one => path.resolve(cwd, one)))).includes(true);
	/** Asks the KVM of a board with this kernel, and runs the cells. */
	const runSide = async (image: string, folder: string): Promise<Side | { readonly stopped: number }> => {
		const asked =
			use === 'guest'
				? undefined
				: await askInterface(context, image, options.on ?? 'board', path.resolve(cwd, out, folder));
		if (asked !== undefined && !('unasked' in asked)) shown.write(`${summaryOf(asked)}\n`);
		const request = series.requestFor({
			...(qemu === undefined ? {} : { qemu }),
			...(use === 'guest' ? {} : { 'board-kernel': image }),
			...(use === 'board' ? {} : { kernel: image }),
			...{ out: path.join(out, folder), all: options.all || (hasChoice && options.case === undefined) },
		});
		const code = await executeRun(request, options.json ? { ...context, stdout: stderr } : context);
		if (code === exitCodes.interrupted || code === exitCodes.lockBusy || code === exitCodes.usage)
			return { stopped: code };
		return { code, asked, results: readResults(path.resolve(cwd, out, folder)) };
	};
	const { version } = built.before;
	shown.write(`\nLinux ${version} before the series, as the kernel of ${inWords[use]}\n`);
	const first = await runSide(built.before.image, 'before');
	if ('stopped' in first) return first.stopped;
	// A range of no commits has no patches.
	const steps = built.steps.length > 0 ? built.steps : [{ patches: [], built: built.after, warnings: [] }];
	let hash = await verifiedHash(built.before.image);
	for (const [at, step] of steps.entries()) {
		const [isLast, name] = [at === steps.length - 1, `patch ${at + 1} '${step.patches[0]?.title}'`];
		const own = await verifiedHash(step.built.image);
		if (own === hash && !isLast) {
			shown.write(`\n${name}: the kernel is the one before it, so there is nothing to run\n`);
			continue;
		}
		hash = own;
		const when = isLast ? 'after the series' : `with ${name}`;
		shown.write(`\nLinux ${version} ${when}, as the kernel of ${inWords[use]}\n`);
		const folder = isLast ? 'after' : `patch-${at + 1}`;
		const second = await runSide(step.built.image, folder);
		if ('stopped' in second) return second.stopped;
		const comparison = compareSides(sideOf([first.results]), sideOf([second.results]));
		const change =
			first.asked === undefined || second.asked === undefined ? undefined : interfaceChange(first.asked, second.asked);
		const judged = verdict([first.code, second.code], comparison, built.warnings.length, change);
		if (judged.code === exitCodes.asPredicted && !isLast) continue;
		const isBlamed = options.each && steps.length > 1 && judged.code === exitCodes.failed;
		const why = [...(isBlamed ? [`${name} is the first with which this is so`] : []), ...judged.why];
		const report = {
			...{ schema: 'vpmu-series/1', tree: 'linux', as: use, out },
			...{ before: buildOf(built.before), after: buildOf(step.built), comparison },
			...(change === undefined ? {} : { interface: change }),
			...{ exit: judged.code, why },
		};
		await writeFile(path.resolve(cwd, out, 'series.json'), `${JSON.stringify(report, null, 2)}\n`);
		if (options.json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		else {
			const passes = judged.code === exitCodes.asPredicted ? 'the series passes' : 'the series does not pass';
			const text = comparisonText(comparison, 'text', { folder: path.join(out, folder) });
			const answers = change === undefined ? '' : describeChange(change);
			stdout.write(`\nFrom before to ${when}:\n${text}${answers}${passes}: ${why.join('; ')}\n${out}\n`);
		}
		return judged.code;
	}
	throw new Error('a series has at least one build');
}

/** What a kernel showed. */
interface Side {
	/** The exit status of its run. */
	readonly code: number;
	readonly asked: Asked | undefined;
	readonly results: Results;
}

/** Describes a build for `series.json`: `program` is what was built. */
const buildOf = ({ image, version, log, fromCache, config, missed }: BuiltLinux) => ({
	...{ program: image, version, log, fromCache, config, missed },
});

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
