import path from 'node:path';
import { dir } from 'tmp-promise';
import {
	type BuiltLinuxSeries,
	buildLinuxSeries,
	checkOut,
	debianLinuxSource,
	isGitTree,
	openCache,
	openLinuxSource,
	type PatchFile,
	parseLimits,
	readGitRange,
	requestedConfig,
	requireSandbox,
} from '../../../../src/image/index.ts';
import { formatDuration, UsageError } from '../../../../src/lib/index.ts';
import type { CommandContext } from '../../../usage/context.ts';
import { progressPrinter } from '../../upkeep/progress.ts';

/** The parts of the command line that concern the build. */
export interface LinuxBuildOptions {
	/** As typed. */
	readonly source: string;
	readonly range?: string | undefined;
	/** The name of one of our configurations, or a path. */
	readonly config?: string | undefined;
	readonly limits?: readonly string[] | undefined;
	readonly selftests?: boolean | undefined;
	/** Build after each patch. */
	readonly each?: boolean | undefined;
}

/**
 * Builds Linux from a source without and with patches, and reports progress.
 *
 * @throws UsageError; LinuxBuildFailure; VpmuError
 */
export async function buildLinux(
	{ env, signal, stderr, cwd }: CommandContext,
	{
		source: named,
		range,
		config: configName = 'small',
		limits: words = [],
		selftests = false,
		each = false,
	}: LinuxBuildOptions,
	patches: readonly PatchFile[],
): Promise<BuiltLinuxSeries> {
	const limits = parseLimits(words);
	const config = await requestedConfig(configName, cwd);
	await requireSandbox(signal);
	const printer = progressPrinter(stderr);
	const startedAt = performance.now();
	const files = [...patches];
	await using checkedOut = new AsyncDisposableStack();
	try {
		const cache = await openCache({ env, signal, onProgress: printer.report });
		const suite = /^debian:(.+)$/.exec(named)?.[1];
		const open = async () => {
			if (suite !== undefined) return await debianLinuxSource(cache, suite);
			if (range === undefined) return await openLinuxSource(named, cwd);
			const folder = path.resolve(cwd, named);
			if (!(await isGitTree(folder, signal))) {
				throw new UsageError(`'--range' needs '--source' to be a git tree, and '${named}' is not`);
			}
			const { base, patches: commits } = await readGitRange(folder, range, signal);
			files.push(commits);
			const { path: to, cleanup } = await dir({ prefix: 'vpmu-range-', unsafeCleanup: true });
			checkedOut.defer(cleanup);
			await checkOut(folder, base, path.join(to, 'tree'), signal);
			const { path: place } = await openLinuxSource(path.join(to, 'tree'), '/', named);
			// By this name, the next series on the same base finds what was built of it.
			return { name: named, path: place, archiveHash: undefined, keptAs: `${folder} ${base}` };
		};
		const built = await buildLinuxSeries(cache, { source: await open(), config, files, limits, selftests, each });
		printer.end();
		const { after, warnings } = built;
		if (!after.fromCache) stderr.write(`Built in ${formatDuration(performance.now() - startedAt)}\n`);
		if (after.missed !== '')
			stderr.write(`Linux ${after.version} does not have all of '${config.name}': ${after.missed}\n`);
		for (const warning of warnings) stderr.write(`new warning: ${warning}\n`);
		return built;
	} finally {
		printer.end();
	}
}
