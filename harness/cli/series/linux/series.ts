import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Comparison, compareSides, sideOf } from '../../../../src/compare/index.ts';
import {
	type BuiltLinux,
	type BuiltLinuxSeries,
	LinuxBuildFailure,
	type PatchFile,
} from '../../../../src/image/index.ts';
import { UsageError } from '../../../../src/lib/index.ts';
import { type KernelUse, kernelUseOf } from '../../../../src/patch/index.ts';
import { describeConformance } from '../../../../src/pmu/index.ts';
import { readResults } from '../../../../src/run/index.ts';
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
import { type Asked, askInterface, type InterfaceChange, interfaceChange } from './interface.ts';

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
		const { source, range, config, 'build-limit': limits, selftests } = options;
		built = await buildLinux(context, { source: source!, range, config, limits, selftests }, series.files);
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
	const sides = { before: buildOf(built.before), after: buildOf(built.after) };
	if (options['build-only']) {
		const report = { schema: 'vpmu-series/1', tree: 'linux', as: use, ...sides, exit: exitCodes.asPredicted };
		if (options.json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
		return exitCodes.asPredicted;
	}
	const hasChoice = Object.values(choicesOf((qemu ?? []).map(one => path.resolve(cwd, one)))).includes(true);
	const codes: number[] = [];
	const asked: Asked[] = [];
	for (const when of ['before', 'after'] as const) {
		shown.write(`\nLinux ${built[when].version} ${when} the series, as the kernel of ${inWords[use]}\n`);
		if (use !== 'guest') {
			const found = await askInterface(context, built[when].image, options.on ?? 'board', path.resolve(cwd, out, when));
			asked.push(found);
			if (!('unasked' in found)) shown.write(`${describeConformance(found).trimEnd().split('\n').at(-1)}\n`);
		}
		const request = series.requestFor({
			...(qemu === undefined ? {} : { qemu }),
			...(use === 'guest' ? {} : { 'board-kernel': built[when].image }),
			...(use === 'board' ? {} : { kernel: built[when].image }),
			...{ out: path.join(out, when), all: options.all || (hasChoice && options.case === undefined) },
		});
		const code = await executeRun(request, options.json ? { ...context, stdout: stderr } : context);
		if (code === exitCodes.interrupted || code === exitCodes.lockBusy || code === exitCodes.usage) return code;
		codes.push(code);
	}
	const [first, second] = ['before', 'after'].map(when => readResults(path.resolve(cwd, out, when)));
	const comparison = compareSides(sideOf([first!]), sideOf([second!]));
	const change = use === 'guest' ? undefined : interfaceChange(asked[0]!, asked[1]!);
	const { code, why } = verdict(codes, comparison, built.warnings.length, change);
	const report = {
		...{ schema: 'vpmu-series/1', tree: 'linux', as: use, out, ...sides, comparison },
		...(change === undefined ? {} : { interface: change }),
		...{ exit: code, why },
	};
	await writeFile(path.resolve(cwd, out, 'series.json'), `${JSON.stringify(report, null, 2)}\n`);
	if (options.json) stdout.write(`${JSON.stringify(report, null, 2)}\n`);
	else {
		const passes = code === exitCodes.asPredicted ? 'the series passes' : 'the series does not pass';
		const text = comparisonText(comparison, 'text', { folder: path.join(out, 'after') });
		const answers = change === undefined ? '' : describeChange(change);
		stdout.write(`\nFrom before to after the series:\n${text}${answers}${passes}: ${why.join('; ')}\n${out}\n`);
	}
	return code;
}

/** Says what KVM answers otherwise than before. */
function describeChange({ worse, changed, unasked }: InterfaceChange): string {
	if (unasked !== null) return `KVM's interface could not be compared: ${unasked}\n`;
	if (changed.length + worse.length === 0) return 'KVM answers as before (vpmu probe --conformance)\n';
	const lines = changed.map(line => `  ${worse.includes(line.split(':', 1)[0]!) ? 'DEVIATES ' : ''}${line}\n`);
	const logged = worse.includes('kernel-log') ? ['  DEVIATES kernel-log: the kernel logged trouble while asked\n'] : [];
	return `KVM answers otherwise than before (vpmu probe --conformance):\n${[...lines, ...logged].join('')}`;
}

const count = (number: number, one: string, many: string) => `${number} ${number === 1 ? one : many}`;

const inWords: Readonly<Record<KernelUse, string>> = {
	board: 'the board',
	guest: 'the guests',
	both: 'the board and the guests',
};

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

/**
 * Returns why the series does not pass: failures that it causes, or regressions. Failures that occur without it too are
 * not its fault.
 */
function verdict(
	[before, after]: readonly number[],
	{ regressions }: Comparison,
	warnings: number,
	change: InterfaceChange | undefined,
) {
	const worse = change?.worse ?? [];
	const failures = [
		...(worse.length === 0 ? [] : [`KVM does not answer as its source says (kernel): ${worse.join(', ')}`]),
		...(after === exitCodes.failed ? ['cells fail with it'] : []),
		...(regressions > 0 ? [`${count(regressions, 'cell', 'cells')} became worse`] : []),
	];
	const told = warnings === 0 ? [] : [count(warnings, 'new warning of the compiler', 'new warnings of the compiler')];
	if (failures.length > 0) return { code: exitCodes.failed, why: [...failures, ...told] };
	if (after === exitCodes.infrastructure || before === exitCodes.infrastructure) {
		return { code: exitCodes.infrastructure, why: ['the infrastructure failed, so that it is not known'] };
	}
	return { code: exitCodes.asPredicted, why: ['with it all is as predicted, and nothing became worse', ...told] };
}
