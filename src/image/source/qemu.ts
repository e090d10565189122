import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Patch, PatchSeries } from '../../patch/index.ts';
import type { Cache } from '../cache/cache.ts';
import { defaultLimits, requireSandbox, type SandboxLimits } from '../sandbox/index.ts';
import type { PatchFile } from '../series/mails.ts';
import type { BlobOf } from '../series/three-way.ts';
import { BuildFailure } from './failure.ts';
import { type BuildRecipe, buildKey, openBuildRoot, plainRecipe } from './recipe.ts';
import type { QemuSource } from './tree.ts';
import { newWarnings } from './warnings.ts';
import { describePatches, WorkTree } from './work-tree.ts';

/** `qemu-system-aarch64`, built from source. */
export interface BuiltQemu {
	/** The program, in the cache. */
	readonly program: string;
	readonly version: string;
	/** The output of configuring and compiling. */
	readonly log: string;
	readonly fromCache: boolean;
}

/** A build after one patch of the series, or after all of them. */
export interface BuiltStep {
	/** The patches that it adds to the build before it. */
	readonly patches: readonly Patch[];
	readonly built: BuiltQemu;
	/** The compiler's warnings that no earlier build of this source has. */
	readonly warnings: readonly string[];
}

/** A source built unpatched and with patches, and the patches. */
export interface BuiltSeries {
	readonly before: BuiltQemu;
	readonly after: BuiltQemu;
	/** In the order in which they were applied. */
	readonly series: readonly PatchSeries[];
	/** The builds between, and the last one, which is `after`: one for each patch if each was to be built. */
	readonly steps: readonly BuiltStep[];
}

export interface SeriesBuildOptions {
	readonly limits?: SandboxLimits;
	readonly recipe?: BuildRecipe;
	/** Build after every patch, not only after the last. */
	readonly each?: boolean;
	/** Called with the series before anything is built; what it returns replaces them in the result. */
	readonly onRead?: (series: readonly PatchSeries[]) => Promise<readonly PatchSeries[]>;
	/** Reads a blob of the source's repository, for a three-way merge of a patch that does not apply. */
	readonly blobOf?: BlobOf | undefined;
}

/** A build's output: {@link SandboxLimits.outputBytes} limits it too. */
const logMaxBytes = 1 << 28;

/**
 * Builds QEMU for arm64 hosts with KVM from a source, unpatched and with patches. Does not change the source. An earlier
 * build of the same source and patches is taken from the cache, and so is the tree of the unpatched build, from a copy of which the
 * patched one continues. Patches are tried before anything is built.
 *
 * @param files mails, patchwork JSON or diffs, in the order in which their series are to be applied
 * @throws UsageError for an invalid source, or patches that cannot be read or do not apply; BuildFailure; VpmuError; the
 * signal's reason
 */
export async function buildQemuSeries(
	cache: Cache,
	source: QemuSource,
	files: readonly PatchFile[],
	{ limits = defaultLimits, recipe = plainRecipe, each = false, onRead, blobOf }: SeriesBuildOptions = {},
): Promise<BuiltSeries> {
	await requireSandbox(cache.signal);
	const root = await openBuildRoot(cache);
	const keyOf = (applied: readonly Patch[]) =>
		buildKey(
			root,
			source.hash,
			recipe,
			applied.map(({ diff }) => diff),
		);
	const base = keyOf([]);
	return await cache.scratch(`build-${base}`, async work => {
		const tree = new WorkTree(cache, work, { root, source, recipe, limits, blobOf });
		const read = await tree.read(files);
		const series = (await onRead?.(read)) ?? read;
		const patches = series.flatMap(one => one.patches);
		const build = async (isSingle: boolean) => await buildSteps(cache, tree, { source, keyOf, patches, isSingle });
		try {
			return { ...(await build(each)), series };
		} catch (error) {
			const isFound = !(error instanceof BuildFailure) || error.unpatched || each || patches.length === 1;
			if (isFound) throw error;
			cache.progress({ notice: 'The series does not compile: building after each patch to find which one it is' });
			await tree.remove();
			await tree.read(files);
			await build(true);
			throw error;
		}
	});
}

interface Steps {
	readonly source: QemuSource;
	readonly keyOf: (applied: readonly Patch[]) => string;
	readonly patches: readonly Patch[];
	/** Build after each patch, not only after the last. */
	readonly isSingle: boolean;
}

async function buildSteps(cache: Cache, tree: WorkTree, { source, keyOf, patches, isSingle }: Steps) {
	const base = keyOf([]);
	const counts = isSingle ? patches.map((_, at) => at + 1) : [patches.length];
	const nameOf = (count: number) => `qemu-built-${keyOf(patches.slice(0, count))}`;
	// If everything was built before, the patches apply.
	const names = [0, ...counts].map(nameOf);
	if (!(await Promise.all(names.map(name => cache.has('roots', name)))).every(Boolean)) await tree.open(base);
	const keepBuilt = async (count: number, make: () => Promise<string>): Promise<BuiltQemu> => {
		let fromCache = true;
		const kept = await cache.keep('roots', nameOf(count), async to => {
			fromCache = false;
			const version = await make();
			await mkdir(to);
			await tree.takeProgram(path.join(to, 'qemu-system-aarch64'));
			await writeFile(path.join(to, 'build.log'), tree.log);
			const applied = count === 0 ? '' : ` with ${describePatches(patches.slice(0, count))}`;
			return { label: `QEMU ${version} built from ${path.basename(source.name)}${applied}`, version };
		});
		const { version } = (await cache.record('roots', nameOf(count))) as { version?: string };
		const at = (file: string) => path.join(kept, file);
		return { program: at('qemu-system-aarch64'), log: at('build.log'), version: version ?? 'unknown', fromCache };
	};
	const before = await keepBuilt(0, async () => await tree.build(base));
	const steps: BuiltStep[] = [];
	const logs = [await logOf(before)];
	for (const [at, count] of counts.entries()) {
		const built = await keepBuilt(count, async () => {
			const version = await tree.build(base);
			await tree.advance(count, { isSingle });
			return version;
		});
		const log = await logOf(built);
		const own = patches.slice(at === 0 ? 0 : counts[at - 1], count);
		steps.push({ patches: own, built, warnings: newWarnings(logs, log) });
		logs.push(log);
	}
	return { before, after: steps.at(-1)!.built, steps };
}

async function logOf({ log }: BuiltQemu): Promise<string> {
	const text = await readFile(log).catch(() => Buffer.alloc(0));
	return text.subarray(0, logMaxBytes).toString('utf8');
}
