import { createHash } from 'node:crypto';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { type FileDiff, type Patch, type PatchSeries, parseDiff } from '../../patch/index.ts';
import type { Cache } from '../cache/cache.ts';
import { lastLines } from '../cache/tool.ts';
import { hostArchitecture } from '../program.ts';
import {
	copyForeign,
	defaultLimits,
	removeForeign,
	requireSandbox,
	runInSandbox,
	SandboxLimitError,
	type SandboxLimits,
} from '../sandbox/index.ts';
import { applyScript, named, refuseUnsafe, tryPatches } from '../series/apply.ts';
import { type PatchFile, type RunGit, readSeries } from '../series/mails.ts';
import { type BuildRoot, buildRoot } from './root.ts';
import { copySource, type QemuSource, requireQemu } from './tree.ts';

/** `qemu-system-aarch64`, built from source. */
export interface BuiltQemu {
	/** The program, in the cache. */
	readonly program: string;
	readonly version: string;
	/** The output of configuring and compiling. */
	readonly log: string;
	readonly fromCache: boolean;
}

/** The series does not compile: the fault is in the series under test. */
export class BuildFailure extends VpmuError {
	override readonly name = 'BuildFailure';
	/** Whether the build also fails without any patch. */
	readonly unpatched: boolean;

	constructor(
		message: string,
		{ unpatched, evidence }: { readonly unpatched: boolean; readonly evidence: readonly string[] },
	) {
		super(message, { blame: 'qemu', evidence });
		this.unpatched = unpatched;
	}
}

/** The build tools, of Debian trixie for this machine, and the libraries for arm64. */
async function openBuildRoot(cache: Cache): Promise<BuildRoot> {
	const suite = 'trixie';
	return await buildRoot(cache, 'qemu-build', [
		{ suite, architecture: 'arm64', packages: ['libc6-dev', 'libglib2.0-dev', 'zlib1g-dev', 'libfdt-dev'] },
		{
			suite,
			architecture: hostArchitecture(),
			packages: [
				...['gcc-aarch64-linux-gnu', 'gcc', 'libc6-dev', 'make', 'ninja-build', 'meson', 'pkgconf', 'flex', 'bison'],
				...['python3-venv', 'python3-pycotap', 'libglib2.0-dev-bin', 'perl-base', 'git', 'bzip2', 'xz-utils', 'tar'],
				...['bash', 'dash', 'coreutils', 'sed', 'grep', 'gawk', 'findutils', 'diffutils', 'debianutils'],
				...(hostArchitecture() === 'arm64' ? [] : ['libc6-dev-arm64-cross']),
			],
		},
	]);
}

/** Increase it when the same source is built differently. */
const recipeVersion = 1;

/** Only what a `-M virt` guest under KVM needs: about 3 minutes on two cores instead of half an hour. */
const configure = [
	'../source/configure --python=/usr/bin/python3 --cross-prefix=aarch64-linux-gnu- --target-list=aarch64-softmmu',
	'--without-default-features --enable-kvm --disable-tcg --enable-fdt=system --disable-pixman',
	'--enable-trace-backends=log --disable-install-blobs --disable-docs --disable-tools',
].join(' ');

/** Firmware that meson.build names and that Debian's archives lack. It is not used here. */
const emptyFirmware =
	"for file in $(grep -o 'edk2-[a-z0-9_-]*\\.fd' pc-bios/meson.build | sort -u); do [ -e pc-bios/$file.bz2 ] || bzip2 </dev/null >pc-bios/$file.bz2; done";

const compile = [
	'cd /mnt/build && ninja qemu-system-aarch64 2>&1 || exit 1',
	'aarch64-linux-gnu-strip -o /mnt/program qemu-system-aarch64',
].join('\n');

/** A QEMU with one target has about 30 MB; with sanitizers ten times that. */
const programMaxBytes = 1024 ** 3;

/** A source built unpatched and with patches, and the patches. */
export interface BuiltSeries {
	readonly before: BuiltQemu;
	readonly after: BuiltQemu;
	/** In the order in which they were applied. */
	readonly series: readonly PatchSeries[];
}

/**
 * Builds QEMU for arm64 hosts with KVM from a source, unpatched and with patches. Does not change the source. An earlier
 * build of the same source and patches is taken from the cache. The patched build continues from the unpatched one.
 * Patches are tried before anything is built.
 *
 * @param files mails, patchwork JSON or diffs, in the order in which their series are to be applied
 * @throws UsageError for an invalid source, or patches that cannot be read or do not apply; {@link BuildFailure}; VpmuError; the
 * signal's reason
 */
export async function buildQemuSeries(
	cache: Cache,
	source: QemuSource,
	files: readonly PatchFile[],
	limits: SandboxLimits = defaultLimits,
): Promise<BuiltSeries> {
	await requireSandbox(cache.signal);
	const root = await openBuildRoot(cache);
	const keyOf = (applied: readonly Patch[]) => {
		const hashes = applied.map(({ diff }) => createHash('sha256').update(diff).digest('hex'));
		return createHash('sha256')
			.update(JSON.stringify([recipeVersion, root.key, source.hash, ...hashes]))
			.digest('hex')
			.slice(0, 16);
	};
	const work = path.join(cache.root, 'tmp', `build-${keyOf([])}`);
	return await cache.exclusively(`build-${keyOf([])}`, async () => {
		const tree = new WorkTree(cache, root, source, work, limits);
		await tree.remove();
		try {
			const series = await tree.read(files);
			const patches = series.flatMap(one => one.patches);
			const before = await tree.built(keyOf([]), []);
			const after = await tree.built(keyOf(patches), patches);
			return { before, after, series };
		} finally {
			await tree.remove();
		}
	});
}

const touchesRoms = ({ oldPath, newPath }: FileDiff) => [oldPath, newPath].some(name => name?.startsWith('roms/'));

/** A patch's title; for several, their number and the first title. */
const describePatches = (patches: readonly Patch[]) =>
	patches.length === 1 ? named(patches[0]!) : `${patches.length} patches from ${named(patches[0]!)} on`;

/** The build folder: created when something has to be built, and then reused. */
class WorkTree {
	readonly #cache: Cache;
	readonly #root: BuildRoot;
	readonly #source: QemuSource;
	readonly #folder: string;
	readonly #limits: SandboxLimits;
	#log: string[] = [];
	#version: string | undefined;
	#isConfigured = false;
	#patches: readonly Patch[] = [];

	constructor(cache: Cache, root: BuildRoot, source: QemuSource, folder: string, limits: SandboxLimits) {
		this.#cache = cache;
		this.#root = root;
		this.#source = source;
		this.#folder = folder;
		this.#limits = limits;
	}

	async remove(): Promise<void> {
		await removeForeign(this.#folder);
	}

	/** Reads the patches, and refuses forbidden ones and those that do not apply, before anything is built. */
	async read(files: readonly PatchFile[]): Promise<PatchSeries[]> {
		await mkdir(this.#folder, { recursive: true });
		const runGit: RunGit = async script => await this.#run(script);
		const series = await readSeries(files, this.#folder, runGit);
		refuseUnsafe(series);
		this.#patches = series.flatMap(one => one.patches);
		const version = await this.#unpacked();
		const tree = `QEMU ${version} of '${this.#source.name}'`;
		await tryPatches(this.#patches, this.#folder, tree, runGit);
		return series;
	}

	async built(key: string, patches: readonly Patch[]): Promise<BuiltQemu> {
		const cache = this.#cache;
		const { name } = this.#source;
		let fromCache = true;
		const kept = await cache.keep('roots', `qemu-built-${key}`, async to => {
			fromCache = false;
			const version = await this.#configured();
			if (patches.length > 0) await this.#apply(patches);
			const applied = patches.length === 0 ? '' : ` with ${describePatches(patches)}`;
			await this.#compile(`Building QEMU ${version}${applied}`, patches);
			await mkdir(to);
			const program = path.join(to, 'qemu-system-aarch64');
			await copyForeign(this.#folder, 'program', program, { maxBytes: programMaxBytes, mode: 0o755 });
			await writeFile(path.join(to, 'build.log'), this.#log.map(line => `${line}\n`).join(''));
			return { label: `QEMU ${version} built from ${path.basename(name)}${applied}`, version };
		});
		const { version } = (await cache.record('roots', path.basename(kept))) as { version?: string };
		const at = (file: string) => path.join(kept, file);
		return { program: at('qemu-system-aarch64'), log: at('build.log'), version: version ?? 'unknown', fromCache };
	}

	/** Provides the unpatched source. @returns its version */
	async #unpacked(): Promise<string> {
		if (this.#version !== undefined) return this.#version;
		// These are most of a source's size, and this machine type needs nothing from them.
		const withRoms = this.#patches.some(patch => parseDiff(patch.diff.toString('latin1')).some(touchesRoms));
		const { name, isArchive } = this.#source;
		const tree = path.join(this.#folder, 'source');
		this.#cache.progress({ what: `Unpacking ${name}`, done: 0, total: null, unit: 'files' });
		await mkdir(path.join(this.#folder, 'build'), { recursive: true });
		if (isArchive) {
			await mkdir(tree);
			await copyFile(this.#source.path, path.join(this.#folder, 'archive'));
			const without = withRoms ? '' : "--exclude='*/roms/*' ";
			const unpack = `tar ${without}--no-same-owner --strip-components=1 -xf /mnt/archive -C /mnt/source`;
			const { status, stderr } = await this.#run(unpack);
			if (status !== 0) throw new UsageError(`'${name}' cannot be unpacked: ${lastLines(stderr).at(-1)}`);
			await rm(path.join(this.#folder, 'archive'));
		} else await copySource(this.#source, tree, withRoms);
		// A source may be read-only, but the build copy must be writable.
		await this.#run('chmod -R u+rwX source');
		this.#version = await requireQemu(name, tree);
		return this.#version;
	}

	/** Configures the unpatched source. @returns its version */
	async #configured(): Promise<string> {
		const version = await this.#unpacked();
		if (this.#isConfigured) return version;
		this.#cache.progress({ what: `Configuring QEMU ${version}`, done: 0, total: null, unit: 'steps' });
		const { status } = await this.#logged(
			`cd source && ${emptyFirmware} && cd ../build && { ${configure} || { tail -n 30 meson-logs/meson-log.txt; exit 1; }; } 2>&1`,
		);
		if (status !== 0) throw await this.#failure(`QEMU ${version} of '${this.#source.name}' cannot be configured`, true);
		this.#isConfigured = true;
		return version;
	}

	async #apply(patches: readonly Patch[]): Promise<void> {
		this.#log = [];
		const { status, stderr } = await this.#run(applyScript(0, patches.length));
		if (status === 0) return;
		throw new VpmuError('patches that applied to a copy do not apply to the tree', {
			blame: 'harness',
			evidence: lastLines(stderr),
		});
	}

	async #compile(what: string, patches: readonly Patch[]): Promise<void> {
		const { status } = await this.#logged(compile, line => {
			const step = /^\[(\d+)\/(\d+)\] /.exec(line);
			if (step !== null) this.#cache.progress({ what, done: Number(step[1]), total: Number(step[2]), unit: 'steps' });
		});
		if (status === 0) return;
		const unpatched = patches.length === 0;
		const which = unpatched ? 'as it stands' : `with ${describePatches(patches)}`;
		throw await this.#failure(`QEMU ${this.#version} of '${this.#source.name}' does not compile ${which}`, unpatched);
	}

	async #failure(message: string, unpatched: boolean): Promise<BuildFailure> {
		const lines = this.#log.filter(line => line.trim() !== '').map(line => line.slice(0, 500));
		const errors = lines.filter(line => /\berror\b|^ERROR/i.test(line)).slice(0, 10);
		const first = errors[0] === undefined ? '' : `: ${errors[0].replace(/^(\.\.\/)*source\//, '')}`;
		return new BuildFailure(`${message}${first}`, {
			unpatched,
			evidence: errors.length > 0 ? errors : lines.slice(-12),
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

	async #run(script: string, onLine?: (line: string) => void) {
		// As the cross compiler's pkg-config wrapper sets it.
		const libraries = '/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig';
		const env = { PKG_CONFIG_PATH: libraries, PKG_CONFIG_LIBDIR: libraries };
		return await runInSandbox(this.#cache, {
			...{ root: this.#root.folder, work: this.#folder, script, env, limits: this.#limits },
			...(onLine === undefined ? {} : { onLine }),
		});
	}
}
