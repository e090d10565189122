import type { BuiltLinux, BuiltLinuxSeries, BuiltSeries, PatchFile } from '../../../../src/image/index.ts';
import { counted } from '../../../../src/lib/index.ts';
import type { KernelUse } from '../../../../src/patch/index.ts';
import { kernelWords } from '../../../../src/report/index.ts';
import type { RunRequest } from '../../../run/request/request.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { exitCodes } from '../../../usage/exit-codes.ts';
import type { Given } from '../../command.ts';
import { buildSeries } from '../build.ts';
import type { seriesOptions } from '../options.ts';
import type { ProjectBuilds } from '../sides/plan.ts';
import { describeSteps, nameStep } from '../steps.ts';
import { buildLinux } from './build.ts';

export type SeriesGiven = Given<typeof seriesOptions>;

/** What `vpmu series` brings for a series of Linux. */
export interface LinuxSeries {
	readonly given: SeriesGiven;
	/** As named by the user. */
	readonly source: string;
	readonly files: readonly PatchFile[];
	/** A series for QEMU that belongs to it, by the names of its files. */
	readonly qemu: { readonly source: string; readonly files: readonly string[] } | undefined;
	/** Makes the request of one of the runs. @throws UsageError */
	readonly requestFor: (own: {
		readonly qemu?: readonly string[];
		readonly kernel?: string;
		readonly 'board-kernel'?: string;
		readonly out?: string;
		readonly all?: boolean;
	}) => RunRequest;
}

/** What was built of a series for Linux, and of one for QEMU that belongs to it. */
export interface BuiltPair {
	readonly linux: BuiltLinuxSeries;
	readonly qemu: BuiltSeries | undefined;
}

/** Builds both projects of a pair, Linux first. @throws as {@link buildLinux} and {@link buildSeries} */
export async function buildPair(
	context: CommandContext,
	{ given, source, files, qemu }: LinuxSeries,
): Promise<BuiltPair> {
	const { range, config, 'build-limit': limits, selftests, each } = given.options;
	const linux = await buildLinux(context, { ...{ source, range, config, limits, selftests, each } }, files);
	if (qemu === undefined) return { linux, qemu: undefined };
	const own = { ...given, positionals: [...qemu.files], options: { ...given.options, source: [qemu.source] } };
	return { linux, qemu: await buildSeries(context, own) };
}

export function buildsOf({ linux, qemu }: BuiltPair, isEach: boolean) {
	const ofLinux: ProjectBuilds = {
		before: buildOf(linux.before),
		steps: linux.steps.map(({ patches, built }, at) => ({
			...{ built: buildOf(built), name: `patch ${at + 1} '${patches[0]?.title}'` },
		})),
	};
	const ofQemu = qemu && {
		before: qemu.before,
		steps: qemu.steps.map((step, at) => ({ built: step.built, name: nameStep(step, at, isEach) })),
	};
	return { linux: ofLinux, qemu: ofQemu };
}

export function describeBuilds(
	{ linux, qemu }: BuiltPair,
	use: KernelUse,
	isByFiles: boolean,
	isEach: boolean,
): string {
	const titles = [...linux.series, ...(qemu?.series ?? [])].map(
		({ title, patches }) => `series: ${title}, ${counted(patches.length, 'patch', 'patches')}\n`,
	);
	return [
		...titles,
		`before: ${[linux.before.image, ...(qemu ? [qemu.before.program] : [])].join(', ')}\n`,
		`after:  ${[linux.after.image, ...(qemu ? [qemu.after.program] : [])].join(', ')}\n`,
		...(qemu === undefined ? [] : [describeSteps(qemu, isEach)]),
		`Linux ${linux.after.version} is the kernel of ${kernelWords[use]}${isByFiles ? ', by the files that the series touches' : ''}\n`,
	].join('');
}

/** What `--build-only --json` prints. */
export function buildReport({ linux, qemu }: BuiltPair, as: KernelUse, source: string) {
	const [before, after] = [buildOf(linux.before), buildOf(linux.after)];
	const common = { schema: 'vpmu-series/1', exit: exitCodes.asPredicted, as };
	if (qemu === undefined) return { ...common, tree: 'linux', before, after };
	const kernel = { as, source, before, after, answers: null };
	return { ...common, tree: 'both', before: qemu.before, after: qemu.after, kernel };
}

/** Describes a build for `series.json`: `program` is what was built. */
const buildOf = ({ image, version, log, fromCache, config, missed }: BuiltLinux) => ({
	...{ program: image, version, log, fromCache, config, missed },
});
