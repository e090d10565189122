import path from 'node:path';
import { dir } from 'tmp-promise';
import {
	type BuiltSeries,
	blobsOf,
	buildQemuSeries,
	checkBase,
	checkOrder,
	checkOut,
	debianSource,
	isGitTree,
	openCache,
	openQemuSource,
	type PatchFile,
	PatchRefused,
	parseLimits,
	parseSanitizers,
	readGitRange,
	requireSandbox,
} from '../../../src/image/index.ts';
import { formatDuration, readGiven, UsageError } from '../../../src/lib/index.ts';
import { classifyPatchFile, parsePatchwork } from '../../../src/patch/index.ts';
import { splitWords } from '../../qmp-shell/words.ts';
import type { CommandContext } from '../../usage/context.ts';
import type { Given } from '../command.ts';
import { progressPrinter } from '../upkeep/progress.ts';
import type { seriesOptions } from './options.ts';

/**
 * Reads the patches and the source that a command line names, and builds the source without and with the patches.
 *
 * @throws UsageError; BuildFailure; VpmuError
 */
export async function buildSeries(
	{ env, signal, stderr, cwd }: CommandContext,
	{ options, positionals }: Given<typeof seriesOptions>,
): Promise<BuiltSeries> {
	const named = options.source?.[0];
	if (named === undefined) {
		throw new UsageError(
			"'vpmu series' needs option '--source': a folder, an archive of QEMU's source, or debian:SUITE",
		);
	}
	if ((positionals.length === 0) === (options.range === undefined)) {
		throw new UsageError(
			"'vpmu series' needs files of patches, or '--range BASE..TIP' with '--source' a git tree, not both",
		);
	}
	const limits = parseLimits(options['build-limit'] ?? []);
	const recipe = {
		configure: (options['configure-args'] ?? []).flatMap(splitWords),
		sanitizers: parseSanitizers(options.sanitize),
	};
	// The commit that the patches are tried on, and what is known of it, if the source is a git tree.
	let base: string | undefined;
	let baseNotes: readonly string[] = [];
	const files = await Promise.all(positionals.map(name => readPatch(name, cwd, signal)));
	await requireSandbox(signal);
	const suite = /^debian:(.+)$/.exec(named)?.[1];
	const folder = path.resolve(cwd, named);
	const printer = progressPrinter(stderr);
	await using checkedOut = new AsyncDisposableStack();
	try {
		const cache = await openCache({ env, signal, onProgress: printer.report });
		const place = async () => {
			if (suite !== undefined) return (await debianSource(cache, suite, 'qemu')).path;
			if (options.range === undefined) return folder;
			if (!(await isGitTree(folder, signal))) {
				throw new UsageError(`'--range' needs '--source' to be a git tree, and '${named}' is not`);
			}
			const range = await readGitRange(folder, options.range, signal);
			base = range.base;
			files.push(range.patches);
			const { path: to, cleanup } = await dir({ prefix: 'vpmu-range-', unsafeCleanup: true });
			checkedOut.defer(cleanup);
			await checkOut(folder, base, path.join(to, 'tree'), signal);
			return path.join(to, 'tree');
		};
		const source = await openQemuSource(await place(), cwd, named, signal);
		const isGit = suite === undefined && (await isGitTree(folder, signal));
		const startedAt = performance.now();
		const built = await buildQemuSeries(cache, source, files, {
			...{ limits, recipe, each: options.each },
			blobOf: isGit ? blobsOf(folder, signal) : undefined,
			onRead: async series => {
				const checked = await Promise.all(
					series.map(async (one, at) => {
						const earlier = series.slice(0, at);
						const ids = new Set(earlier.flatMap(other => other.messageIds));
						const isApplied = (id: string) => ids.has(id) || ids.has(`<${id}>`);
						const inTree = isGit
							? await checkBase(folder, one.base, base, signal, { isApplied, isFirst: at === 0 })
							: [];
						return [...checkOrder(one.base, earlier), ...inTree];
					}),
				);
				baseNotes = checked.flat();
				return series.map((one, at) => ({ ...one, notes: [...one.notes, ...checked[at]!] }));
			},
		});
		printer.end();
		if (!built.after.fromCache) stderr.write(`Built in ${formatDuration(performance.now() - startedAt)}\n`);
		return built;
	} catch (error) {
		if (!(error instanceof PatchRefused) || baseNotes.length === 0) throw error;
		throw error.with(baseNotes);
	} finally {
		printer.end();
	}
}

/** Reads a patch file named on the command line. @throws UsageError if it cannot be read, or contains no patch */
export async function readPatch(name: string, cwd: string, signal?: AbortSignal): Promise<PatchFile> {
	const content = await readGiven(path.resolve(cwd, name), signal).catch(error => {
		signal?.throwIfAborted();
		throw new UsageError(`cannot read patch '${name}': ${error.code ?? error.message}`);
	});
	// Refuse files without a patch before anything is fetched.
	const file = classifyPatchFile(name, content);
	if (file.kind === 'patchwork') parsePatchwork(name, file.content.toString('utf8'));
	return { name, content };
}
