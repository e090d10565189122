import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { type Patch, type PatchSeries, parseDiff } from '../../patch/index.ts';
import type { Cache } from '../cache/cache.ts';
import { requireTool } from '../cache/tool.ts';
import {
	copyForeign,
	defaultLimits,
	removeForeign,
	requireSandbox,
	runInSandbox,
	type SandboxLimits,
} from '../sandbox/index.ts';
import { refuseUnsafe, tryPatches } from '../series/apply.ts';
import { type PatchFile, type RunGit, readSeries } from '../series/mails.ts';
import { newWarnings } from '../source/warnings.ts';
import { describePatches } from '../source/work-tree.ts';
import { builtConfig, builtImage, type Compiled, compileLinux, LinuxBuildFailure } from './compile.ts';
import { patchedSource } from './patched.ts';
import type { RequestedConfig } from './requested.ts';
import { openKernelBuildRoot } from './root.ts';
import { buildSelftests, selftestsVersion } from './selftests.ts';
import type { LinuxSource } from './source.ts';
import { type LinuxTree, openLinuxTree, treeName } from './tree.ts';

/** An arm64 kernel, built from source. */
export interface BuiltLinux {
	/** The Image, in the cache. */
	readonly image: string;
	/** The version of the source, such as `6.12.117`. */
	readonly version: string;
	/** The whole configuration that it was built with. */
	readonly config: string;
	/** The output of configuring and compiling. */
	readonly log: string;
	readonly fromCache: boolean;
	/** The folder of the kernel's own tests, if they were asked for. */
	readonly selftests?: string;
	/** Requested symbols that the source does not have, or has with another value; empty if there are none. */
	readonly missed: string;
}

/** A build with more patches than the one before it. */
export interface LinuxStep {
	/** The patches that it adds. */
	readonly patches: readonly Patch[];
	readonly built: BuiltLinux;
	/** Warnings of the compiler in touched files that no build before it has. */
	readonly warnings: readonly string[];
}

/** A source built unpatched and with patches, and the patches. */
export interface BuiltLinuxSeries {
	readonly before: BuiltLinux;
	/** The same as `before` where there are no patches. */
	readonly after: BuiltLinux;
	/** The builds between, and the last one, which is `after`: one for each patch if each was to be built. */
	readonly steps: readonly LinuxStep[];
	/** In the order in which they were applied. */
	readonly series: readonly PatchSeries[];
	/** Paths that the patches touch, sorted. */
	readonly touched: readonly string[];
	/** Warnings of the compiler in touched files that the unpatched source does not have. */
	readonly warnings: readonly string[];
}

export interface LinuxBuildRequest {
	readonly source: LinuxSource;
	readonly config: RequestedConfig;
	/** Mails, patchwork JSON or diffs, in the order in which their series are applied. */
	readonly files?: readonly PatchFile[];
	readonly limits?: SandboxLimits;
	/** Build after each patch, not only after the last. */
	readonly each?: boolean;
	/** Build the kernel's own tests of vCPUs' PMUs too, from the same source. */
	readonly selftests?: boolean;
}

/** Increase it when the same source is built differently. */
const recipeVersion = 1;

const imageMaxBytes = 512 * 1024 ** 2;

const digest = (...parts: readonly (string | Uint8Array)[]) => {
	const hash = createHash('sha256');
	for (const part of parts) hash.update(part).update('\0');
	return hash.digest('hex').slice(0, 16);
};

/** Paths that patches touch, sorted. */
export function touchedPaths(patches: readonly Patch[]): string[] {
	const files = patches.flatMap(patch => parseDiff(patch.diff.toString('utf8')));
	const names = files.flatMap(({ oldPath, newPath }) => [oldPath, newPath]);
	return [...new Set(names.filter(name => name !== undefined))].sort();
}

/**
 * Builds Linux for arm64 from a source, unpatched and with patches. Does not change the source. An earlier build of the same
 * source, patches, configuration and tools is taken from the cache. What was built without patches is kept; a patched build starts
 * from a copy of it, so that nothing is built on what foreign patches did to a build. Patches are tried before anything is built.
 *
 * @throws UsageError for an invalid source or configuration, or patches that cannot be read or do not apply; LinuxBuildFailure;
 * VpmuError; the signal's reason
 */
export async function buildLinuxSeries(cache: Cache, request: LinuxBuildRequest): Promise<BuiltLinuxSeries> {
	const { source, config, files = [], limits = defaultLimits, selftests = false, each = false } = request;
	await requireSandbox(cache.signal);
	const root = await openKernelBuildRoot(cache);
	const name = treeName(source, text => digest(root.key, text));
	return await cache.exclusively(`builds/${name}`, async () =>
		cache.scratch(`patched-${name}`, async work => {
			let opened: Promise<LinuxTree> | undefined;
			const tree = () => {
				opened ??= openLinuxTree(cache, root, source, name, limits);
				return opened;
			};
			const runGit =
				(mounts: readonly string[]): RunGit =>
				async script =>
					await runInSandbox(cache, {
						...{ root: root.folder, work, script, limits },
						mounts: mounts.map(from => ({ from, to: '/mnt/source', writable: false })),
					});
			const series = files.length === 0 ? [] : await readSeries(files, work, runGit([]));
			refuseUnsafe(series);
			const patches = series.flatMap(one => one.patches);
			const touched = touchedPaths(patches);
			const contentHash = source.archiveHash ?? (await tree()).contentHash;
			const configKey = digest(config.text, String(config.isMinimal));
			const withTests = selftests ? [selftestsVersion] : [];
			const keyOf = (applied: readonly Patch[]) =>
				digest(
					...[String(recipeVersion), root.key, contentHash, configKey],
					...[...applied.map(({ diff }) => diff), ...withTests],
				);
			const isBuilt = await cache.has('kernels', `linux-${keyOf(patches)}`);
			let tried = 0;
			/** Applies patches to copies of the files that they touch. */
			const tryOut = async (applied: readonly Patch[]) => {
				if (tried === applied.length) return;
				const { version, source: place } = await tree();
				await tryPatches(applied, work, `Linux ${version} of '${source.name}'`, runGit([place]));
				tried = applied.length;
			};
			if (!isBuilt) await tryOut(patches);
			const compiling = { root: root.folder, config, limits };
			/** Builds the unpatched source in its own folder, unless it is built there. */
			const base = async () => {
				const { folder, source: place, version } = await tree();
				const [built, mark] = [path.join(folder, configKey), path.join(folder, `${configKey}.built`)];
				const what = `Linux ${version} of '${source.name}'`;
				const kept = await readFile(mark, 'utf8').catch(() => '');
				await makeFolder(built);
				const known = kept.startsWith(`${contentHash}\n`);
				if (known) return { built, compiled: { log: kept.split('\n').slice(2), missed: kept.split('\n')[1] ?? '' } };
				await rm(mark, { force: true });
				const compiled = await compileLinux(cache, { ...compiling, work: built, source: place, what, unpatched: true });
				await writeFile(mark, [contentHash, compiled.missed, ...compiled.log].join('\n'));
				return { built, compiled };
			};
			const keep = async (applied: readonly Patch[], make: () => Promise<{ built: string; compiled: Compiled }>) => {
				let fromCache = true;
				const kept = await cache.keep('kernels', `linux-${keyOf(applied)}`, async to => {
					fromCache = false;
					const { version } = await tree();
					const { built, compiled } = await make();
					await mkdir(to);
					const copy = async (from: string, name: string, maxBytes: number) =>
						await copyForeign(built, from, path.join(to, name), { maxBytes, mode: 0o644 });
					await copy(builtImage, 'Image', imageMaxBytes);
					await copy(builtConfig, 'config', 4 * 1024 ** 2);
					await writeFile(path.join(to, 'build.log'), compiled.log.map(line => `${line}\n`).join(''));
					if (selftests) {
						const what = `Linux ${version} of '${source.name}'`;
						const unpatched = applied.length === 0;
						const from = unpatched ? (await tree()).source : path.join(work, 'changed');
						await buildSelftests(
							cache,
							{ ...compiling, work: built, source: from, what, unpatched },
							path.join(to, 'selftests'),
						);
					}
					const by = applied.length === 0 ? '' : ` with ${describePatches(applied)}`;
					const label = `Linux ${version} built from ${path.basename(source.name)} (${path.basename(config.name)})${by}`;
					return { label, version, missed: compiled.missed };
				});
				const { version, missed } = (await cache.record('kernels', path.basename(kept))) as Record<string, unknown>;
				const at = (file: string) => path.join(kept, file);
				return {
					...{ image: at('Image'), config: at('config'), log: at('build.log'), fromCache },
					...{ version: String(version ?? 'unknown'), missed: String(missed ?? '') },
					...(selftests ? { selftests: at('selftests') } : {}),
				};
			};
			const before = await keep([], base);
			if (patches.length === 0) return { before, after: before, steps: [], series, touched, warnings: [] };
			const buildPatched = async (applied: readonly Patch[], words: string) => {
				const { built } = await base();
				const { source: place, version } = await tree();
				const [own, changed] = [path.join(work, 'build'), path.join(work, 'changed')];
				await tryOut(applied);
				for (const folder of [own, changed]) await removeForeign(folder);
				await patchedSource(place, path.join(work, 'trial'), touchedPaths(applied), changed, cache.signal);
				await requireTool(['cp', '--archive', '--reflink=auto', '--', built, own], { signal: cache.signal });
				const what = `Linux ${version} of '${source.name}' with ${words}`;
				const compiled = await compileLinux(cache, {
					...compiling,
					work: own,
					source: changed,
					what,
					unpatched: false,
				});
				return { built: own, compiled };
			};
			const logs = [await readFile(before.log, 'utf8')];
			const buildSteps = async (isSingle: boolean) => {
				const counts = isSingle ? patches.map((_, at) => at + 1) : [patches.length];
				const steps: LinuxStep[] = [];
				for (const [at, count] of counts.entries()) {
					const [applied, own] = [patches.slice(0, count), patches.slice(at === 0 ? 0 : count - 1, count)];
					const words = isSingle ? `patch ${count} '${own[0]!.title}'` : describePatches(applied);
					const built = await keep(applied, async () => await buildPatched(applied, words));
					const log = await readFile(built.log, 'utf8');
					const paths = touchedPaths(applied);
					const warnings = newWarnings(logs, log).filter(line => paths.includes(line.split(':', 1)[0]!));
					steps.push({ patches: isSingle ? own : applied, built, warnings });
					logs.push(log);
				}
				return steps;
			};
			const steps = await buildSteps(each).catch(async error => {
				const isFound = !(error instanceof LinuxBuildFailure) || error.unpatched || each || patches.length === 1;
				if (!isFound) {
					cache.progress({ notice: 'The series does not compile: building after each patch to find which one it is' });
					await buildSteps(true);
				}
				throw error;
			});
			const after = steps.at(-1)!.built;
			const warnings = steps.flatMap(step => step.warnings);
			return { before, after, steps, series, touched, warnings };
		}),
	);
}
