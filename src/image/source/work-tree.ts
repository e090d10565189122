import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { type FileDiff, type Patch, type PatchSeries, parseDiff } from '../../patch/index.ts';
import type { Cache } from '../cache/cache.ts';
import { lastLines, requireTool } from '../cache/tool.ts';
import { copyForeign, removeForeign, runInSandbox, SandboxLimitError, type SandboxLimits } from '../sandbox/index.ts';
import { applyScript, named, refuseUnsafe, tryPatches } from '../series/apply.ts';
import { type PatchFile, type RunGit, readSeries } from '../series/mails.ts';
import type { BlobOf } from '../series/three-way.ts';
import { BuildFailure, errorLines } from './failure.ts';
import { type BuildRecipe, compileScript, configureScript } from './recipe.ts';
import type { BuildRoot } from './root.ts';
import { copySource, type QemuSource, requireQemu } from './tree.ts';

/** A QEMU with one target has about 30 MB; with sanitizers ten times that. */
const programMaxBytes = 1024 ** 3;

/** What a work tree is made from. */
export interface WorkTreeParts {
	readonly root: BuildRoot;
	readonly source: QemuSource;
	readonly recipe: BuildRecipe;
	readonly limits: SandboxLimits;
	/** Reads a blob of the source's repository, if it has one. */
	readonly blobOf: BlobOf | undefined;
}

const touchesRoms = ({ oldPath, newPath }: FileDiff) => [oldPath, newPath].some(name => name?.startsWith('roms/'));

/** A patch's title; for several, their number and the first title. */
export const describePatches = (patches: readonly Patch[]) =>
	patches.length === 1 ? named(patches[0]!) : `${patches.length} patches from ${named(patches[0]!)} on`;

/**
 * The folder in which QEMU is built: `source` and `build`. It starts from the kept tree of an earlier build of the unpatched source,
 * if the cache has one, and else from the source itself.
 *
 * Only what the unpatched source built is kept, and what is built on is always a copy: a patch may write anything into its build
 * tree, object files included, and nothing of that must reach a later build. That is why there is no shared compiler cache.
 */
export class WorkTree {
	readonly #cache: Cache;
	readonly #parts: WorkTreeParts;
	readonly #folder: string;
	#log: string[] = [];
	#version: string | undefined;
	#isBuilt = false;
	#isUnpacked = false;
	#patches: readonly Patch[] = [];
	#applied = 0;

	constructor(cache: Cache, folder: string, parts: WorkTreeParts) {
		this.#cache = cache;
		this.#folder = folder;
		this.#parts = parts;
	}

	/** Empties it, so that a source can be read into it again. */
	async remove(): Promise<void> {
		await removeForeign(this.#folder);
		[this.#log, this.#isBuilt, this.#applied] = [[], false, 0];
	}

	/** Output of the last build. */
	get log(): string {
		return this.#log.map(line => `${line}\n`).join('');
	}

	/** Reads the patches, and refuses those that touch forbidden paths. */
	async read(files: readonly PatchFile[]): Promise<PatchSeries[]> {
		await makeFolder(this.#folder);
		const series = await readSeries(files, this.#folder, this.#runGit);
		refuseUnsafe(series);
		this.#patches = series.flatMap(one => one.patches);
		return series;
	}

	/** Whether the patches touch `roms`, which makes up most of a source and is not needed for this machine type. */
	get #withRoms(): boolean {
		return this.#patches.some(patch => parseDiff(patch.diff.toString('latin1')).some(touchesRoms));
	}

	/** The cache entry of the tree after the unpatched build. */
	keptName(base: string): string {
		return `qemu-tree-${base}${this.#withRoms ? '-roms' : ''}`;
	}

	/** Provides the unpatched source, and tries the patches on it. @throws PatchRefused */
	async open(base: string): Promise<void> {
		const isKept = await this.#cache.has('roots', this.keptName(base));
		this.#isUnpacked = !isKept;
		const version = await (isKept ? this.#copied(base, 'source') : this.#unpacked());
		this.#version = version;
		const tree = `QEMU ${version} of '${this.#parts.source.name}'`;
		await tryPatches(this.#patches, this.#folder, tree, this.#runGit, this.#parts.blobOf);
	}

	/** Configures and compiles the unpatched source, or takes the kept tree, and keeps it. @returns QEMU's version */
	async build(base: string): Promise<string> {
		const version = this.#version!;
		if (this.#isBuilt) return version;
		const kept = await this.#cache.keep('roots', this.keptName(base), async to => {
			await makeFolder(path.join(this.#folder, 'build'));
			this.#cache.progress({ what: `Configuring QEMU ${version}`, done: 0, total: null, unit: 'steps' });
			const { status } = await this.#logged(configureScript(this.#parts.recipe));
			if (status !== 0) throw this.#failure('cannot be configured', []);
			await this.#compile(`Building QEMU ${version}`, []);
			this.#isBuilt = true;
			await mkdir(to);
			for (const part of ['source', 'build']) await copyTree(path.join(this.#folder, part), path.join(to, part));
			await writeFile(path.join(to, 'build.log'), this.log);
			return {
				label: `QEMU ${version} of ${path.basename(this.#parts.source.name)}: the tree it was built in`,
				version,
			};
		});
		if (!this.#isBuilt) {
			// If another process has built it meanwhile, the source in which it did so belongs to it.
			if (this.#isUnpacked) await this.#copied(base, 'source');
			await this.#copied(base, 'build');
			// Fast, and the program is taken from there.
			await this.#compile(`Building QEMU ${version}`, []);
			this.#log = [(await this.#keptLog(kept)).trimEnd()];
			this.#isBuilt = true;
		}
		return version;
	}

	/** Applies the patches up to number `count`, counted from the first, and compiles. */
	async advance(count: number, { isSingle }: { readonly isSingle: boolean }): Promise<void> {
		const patches = this.#patches.slice(isSingle ? count - 1 : 0, count);
		const { status, stderr } = await this.#run(applyScript(this.#applied, count));
		if (status !== 0) {
			throw new VpmuError('patches that applied to a copy do not apply to the tree', {
				blame: 'harness',
				evidence: lastLines(stderr),
			});
		}
		this.#applied = count;
		await this.#compile(`Building QEMU ${this.#version} with ${describePatches(patches)}`, patches);
	}

	/** Takes the program that was built last. */
	async takeProgram(to: string): Promise<void> {
		await copyForeign(this.#folder, 'program', to, { maxBytes: programMaxBytes, mode: 0o755 });
	}

	async #keptLog(kept: string): Promise<string> {
		return await readFile(path.join(kept, 'build.log'), 'utf8');
	}

	/** Copies a part of the kept tree. @returns QEMU's version */
	async #copied(base: string, part: 'source' | 'build'): Promise<string> {
		const name = this.keptName(base);
		const kept = path.join(this.#cache.folder('roots'), name);
		const to = path.join(this.#folder, part);
		await removeForeign(to);
		await copyTree(path.join(kept, part), to);
		const { version } = (await this.#cache.record('roots', name)) as { version?: string };
		return version ?? (await requireQemu(this.#parts.source.name, path.join(this.#folder, 'source')));
	}

	/** Unpacks or copies the source. @returns its version */
	async #unpacked(): Promise<string> {
		const { name, isArchive, path: from } = this.#parts.source;
		const tree = path.join(this.#folder, 'source');
		this.#cache.progress({ what: `Unpacking ${name}`, done: 0, total: null, unit: 'files' });
		if (isArchive) {
			await mkdir(tree);
			await copyFile(from, path.join(this.#folder, 'archive'));
			const without = this.#withRoms ? '' : "--exclude='*/roms/*' ";
			const unpack = `tar ${without}--no-same-owner --strip-components=1 -xf /mnt/archive -C /mnt/source`;
			const { status, stderr } = await this.#run(unpack);
			if (status !== 0) throw new UsageError(`'${name}' cannot be unpacked: ${lastLines(stderr).at(-1)}`);
			await rm(path.join(this.#folder, 'archive'));
		} else await copySource(this.#parts.source, tree, this.#withRoms);
		// A source may be read-only, but the build copy must be writable.
		await this.#run('chmod -R u+rwX source');
		return await requireQemu(name, tree);
	}

	async #compile(what: string, patches: readonly Patch[]): Promise<void> {
		if (patches.length > 0) this.#log = [];
		const { status } = await this.#logged(compileScript(this.#parts.recipe), line => {
			const step = /^\[(\d+)\/(\d+)\] /.exec(line);
			if (step !== null) this.#cache.progress({ what, done: Number(step[1]), total: Number(step[2]), unit: 'steps' });
		});
		if (status === 0) return;
		const which = patches.length === 0 ? 'as it stands' : `with ${describePatches(patches)}`;
		throw this.#failure(`does not compile ${which}`, patches);
	}

	#failure(what: string, patches: readonly Patch[]): BuildFailure {
		const { first, lines } = errorLines(this.#log);
		const message = `QEMU ${this.#version} of '${this.#parts.source.name}' ${what}`;
		return new BuildFailure(first === undefined ? message : `${message}: ${first}`, {
			...{ unpatched: patches.length === 0, evidence: lines },
			patch: patches.length === 1 ? patches[0] : undefined,
		});
	}

	/** Runs a step whose output goes into the log. */
	async #logged(script: string, onLine?: (line: string) => void) {
		try {
			return await this.#run(script, line => {
				this.#log.push(line);
				onLine?.(line);
			});
		} catch (error) {
			if (!(error instanceof SandboxLimitError)) throw error;
			// The step's failure reports it.
			this.#log.push(`ERROR: the build was ended: ${error.message}`);
			return { status: null };
		}
	}

	readonly #runGit: RunGit = async script => await this.#run(script);

	async #run(script: string, onLine?: (line: string) => void) {
		// As the cross compiler's pkg-config wrapper sets it.
		const libraries = '/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig';
		const env = { PKG_CONFIG_PATH: libraries, PKG_CONFIG_LIBDIR: libraries };
		const { root, limits } = this.#parts;
		return await runInSandbox(this.#cache, {
			...{ root: root.folder, work: this.#folder, script, env, limits },
			...(onLine === undefined ? {} : { onLine }),
		});
	}
}

/** Copies a tree with its times, by which ninja knows what is up to date. Files share blocks if the disk can, never inodes. */
async function copyTree(from: string, to: string): Promise<void> {
	await requireTool(['cp', '--archive', '--reflink=auto', '--no-target-directory', '--', from, to]);
}
