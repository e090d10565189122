import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { lastLines } from '../cache/tool.ts';
import { hostArchitecture } from '../program.ts';
import { type BuildRoot, buildRoot, runInRoot } from './root.ts';
import { copySource, type QemuSource, requireQemu } from './tree.ts';

/** A patch, or several in one file: what `git format-patch` writes, or a mailbox of it. */
export interface PatchFile {
	/** As the user named it. */
	readonly name: string;
	readonly content: Buffer;
}

/** `qemu-system-aarch64`, made from source. */
export interface BuiltQemu {
	/** The program, in the cache. */
	readonly program: string;
	readonly version: string;
	/** All that configuring and compiling said. */
	readonly log: string;
	readonly fromCache: boolean;
}

/** The series does not compile: it is what was to be tested that is at fault. */
export class BuildFailure extends VpmuError {
	override readonly name = 'BuildFailure';
	/** Whether it is so without any patch, too. */
	readonly unpatched: boolean;

	constructor(
		message: string,
		{ unpatched, evidence }: { readonly unpatched: boolean; readonly evidence: readonly string[] },
	) {
		super(message, { blame: 'qemu', evidence });
		this.unpatched = unpatched;
	}
}

/** What QEMU is built with: of Debian trixie, for this machine, and the libraries for arm64. */
async function openBuildRoot(cache: Cache): Promise<BuildRoot> {
	const suite = 'trixie';
	return await buildRoot(cache, 'qemu-build', [
		{ suite, architecture: 'arm64', packages: ['libc6-dev', 'libglib2.0-dev', 'zlib1g-dev', 'libfdt-dev'] },
		{
			suite,
			architecture: hostArchitecture(),
			packages: [
				...['gcc-aarch64-linux-gnu', 'gcc', 'libc6-dev', 'make', 'ninja-build', 'meson', 'pkgconf', 'flex', 'bison'],
				...['python3-venv', 'python3-pycotap', 'libglib2.0-dev-bin', 'perl-base', 'patch', 'bzip2', 'xz-utils', 'tar'],
				...['bash', 'dash', 'coreutils', 'sed', 'grep', 'gawk', 'findutils', 'diffutils', 'debianutils'],
				...(hostArchitecture() === 'arm64' ? [] : ['libc6-dev-arm64-cross']),
			],
		},
	]);
}

/** Raised when the same source is built in another way. */
const recipeVersion = 1;

/** Only what a guest of `-M virt` under KVM needs: some 3 minutes on two cores instead of half an hour. */
const configure = [
	'../source/configure --python=/usr/bin/python3 --cross-prefix=aarch64-linux-gnu- --target-list=aarch64-softmmu',
	'--without-default-features --enable-kvm --disable-tcg --enable-fdt=system --disable-pixman',
	'--enable-trace-backends=log --disable-install-blobs --disable-docs --disable-tools',
].join(' ');

/** Firmware that meson.build names, and that archives of Debian's lack: nothing boots it here. */
const emptyFirmware =
	"for file in $(grep -o 'edk2-[a-z0-9_-]*\\.fd' pc-bios/meson.build | sort -u); do [ -e pc-bios/$file.bz2 ] || bzip2 </dev/null >pc-bios/$file.bz2; done";

/** Compiles, telling each step on descriptor 3 and keeping all in the log. */
const compile = [
	'cd /mnt/build',
	'{ ninja qemu-system-aarch64 2>&1; echo $? >/mnt/status; } | tee -a /mnt/log >&3',
	'[ "$(cat /mnt/status)" = 0 ] && aarch64-linux-gnu-strip -o /mnt/program qemu-system-aarch64',
].join('\n');

/**
 * Builds QEMU for arm64 hosts with KVM as it stands in a source, and with patches. The source is not touched. What was
 * built before, of the same source and patches, is taken from the cache; the build with the patches goes on from the other.
 *
 * @throws UsageError for what is no source, or patches that do not apply; {@link BuildFailure}; VpmuError; the signal's reason
 */
export async function buildQemuSeries(
	cache: Cache,
	source: QemuSource,
	patches: readonly PatchFile[],
): Promise<{ readonly before: BuiltQemu; readonly after: BuiltQemu }> {
	const root = await openBuildRoot(cache);
	const keyOf = (applied: readonly PatchFile[]) => {
		const hashes = applied.map(({ content }) => createHash('sha256').update(content).digest('hex'));
		return createHash('sha256')
			.update(JSON.stringify([recipeVersion, root.key, source.hash, ...hashes]))
			.digest('hex')
			.slice(0, 16);
	};
	const work = path.join(cache.root, 'tmp', `build-${keyOf([])}`);
	return await cache.exclusively(`build-${keyOf([])}`, async () => {
		const tree = new WorkTree(cache, root, source, work);
		await tree.remove();
		try {
			const before = await tree.built(keyOf([]), []);
			const after = await tree.built(keyOf(patches), patches);
			return { before, after };
		} finally {
			await tree.remove();
		}
	});
}

/** The folder that is built in: made when something is to be built, and then gone on with. */
class WorkTree {
	readonly #cache: Cache;
	readonly #root: BuildRoot;
	readonly #source: QemuSource;
	readonly #folder: string;
	#version: string | undefined;

	constructor(cache: Cache, root: BuildRoot, source: QemuSource, folder: string) {
		this.#cache = cache;
		this.#root = root;
		this.#source = source;
		this.#folder = folder;
	}

	async remove(): Promise<void> {
		await rm(this.#folder, { recursive: true, force: true });
	}

	async built(key: string, patches: readonly PatchFile[]): Promise<BuiltQemu> {
		const cache = this.#cache;
		const { name } = this.#source;
		let fromCache = true;
		const kept = await cache.keep('roots', `qemu-built-${key}`, async to => {
			fromCache = false;
			const version = await this.#unpacked();
			await this.#apply(patches);
			const applied = patches.length === 0 ? '' : ` with ${patches.map(patch => path.basename(patch.name)).join(', ')}`;
			await this.#compile(`Building QEMU ${version}${applied}`, patches);
			await mkdir(to);
			await copyFile(path.join(this.#folder, 'program'), path.join(to, 'qemu-system-aarch64'));
			await copyFile(path.join(this.#folder, 'log'), path.join(to, 'build.log'));
			return { label: `QEMU ${version} built from ${path.basename(name)}${applied}`, version };
		});
		const { version } = (await cache.record('roots', path.basename(kept))) as { version?: string };
		const at = (file: string) => path.join(kept, file);
		return { program: at('qemu-system-aarch64'), log: at('build.log'), version: version ?? 'unknown', fromCache };
	}

	/** Makes the source be there, unpatched, and configured. @returns its version */
	async #unpacked(): Promise<string> {
		if (this.#version !== undefined) return this.#version;
		const { name, isArchive } = this.#source;
		const tree = path.join(this.#folder, 'source');
		this.#cache.progress({ what: `Unpacking ${name}`, done: 0, total: null, unit: 'files' });
		await mkdir(path.join(this.#folder, 'build'), { recursive: true });
		if (isArchive) {
			await mkdir(tree);
			await copyFile(this.#source.path, path.join(this.#folder, 'archive'));
			const unpack = "tar --exclude='*/roms/*' --no-same-owner --strip-components=1 -xf /mnt/archive -C /mnt/source";
			const { status, stderr } = await this.#run(unpack);
			if (status !== 0) throw new UsageError(`'${name}' cannot be unpacked: ${lastLines(stderr).at(-1)}`);
			await rm(path.join(this.#folder, 'archive'));
		} else await copySource(this.#source, tree);
		const version = await requireQemu(name, tree);
		this.#cache.progress({ what: `Configuring QEMU ${version}`, done: 0, total: null, unit: 'steps' });
		const { status } = await this.#run(
			`cd source && ${emptyFirmware} && cd ../build && { ${configure} || { tail -n 30 meson-logs/meson-log.txt; exit 1; }; } >/mnt/log 2>&1`,
		);
		if (status !== 0) throw await this.#failure(`QEMU ${version} of '${name}' cannot be configured`, true);
		this.#version = version;
		return version;
	}

	async #apply(patches: readonly PatchFile[]): Promise<void> {
		for (const { name, content } of patches) {
			await writeFile(path.join(this.#folder, 'patch'), content);
			const { status, stdout, stderr } = await this.#run(
				'cd source && patch --strip=1 --forward --batch --fuzz=0 --reject-file=- --no-backup-if-mismatch </mnt/patch',
			);
			if (status === 0) continue;
			const said = lastLines(`${stdout}\n${stderr}`, 40);
			const where = /^checking file (.+)$|^patching file (.+)$/;
			const files = said.flatMap((line, at) => (/FAILED|can't find file|malformed|Reversed/.test(line) ? [at] : []));
			const first = files[0] === undefined ? undefined : said.slice(0, files[0]).findLast(line => where.test(line));
			const file = first === undefined ? '' : `, file ${(where.exec(first)?.[1] ?? where.exec(first)?.[2])!}`;
			const reason = files[0] === undefined ? (said.at(-1) ?? 'no message') : said[files[0]]!;
			throw new UsageError(
				`patch '${name}' does not apply to QEMU ${this.#version} of '${this.#source.name}'${file}: ${reason.trim()}`,
			);
		}
	}

	async #compile(what: string, patches: readonly PatchFile[]): Promise<void> {
		const { status } = await this.#run(compile, line => {
			const step = /^\[(\d+)\/(\d+)\] /.exec(line);
			if (step !== null) this.#cache.progress({ what, done: Number(step[1]), total: Number(step[2]), unit: 'steps' });
		});
		if (status === 0) return;
		const unpatched = patches.length === 0;
		const which = unpatched ? 'as it stands' : `with ${patches.map(patch => `'${patch.name}'`).join(', ')}`;
		throw await this.#failure(`QEMU ${this.#version} of '${this.#source.name}' does not compile ${which}`, unpatched);
	}

	async #failure(message: string, unpatched: boolean): Promise<BuildFailure> {
		const log = await readFile(path.join(this.#folder, 'log'), 'utf8').catch(() => '');
		const lines = log.split('\n').filter(line => line.trim() !== '');
		const errors = lines.filter(line => /\berror\b|^ERROR/i.test(line)).slice(0, 10);
		const first = errors[0] === undefined ? '' : `: ${errors[0].replace(/^(\.\.\/)*source\//, '')}`;
		return new BuildFailure(`${message}${first}`, {
			unpatched,
			evidence: errors.length > 0 ? errors : lines.slice(-12),
		});
	}

	async #run(script: string, onStatusLine?: (line: string) => void) {
		const { signal } = this.#cache;
		// As the cross compiler's wrapper of pkg-config would have it.
		const libraries = '/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig';
		const env = { PKG_CONFIG_PATH: libraries, PKG_CONFIG_LIBDIR: libraries };
		return await runInRoot(this.#root, script, {
			...{ work: this.#folder, env, signal },
			...(onStatusLine === undefined ? {} : { onStatusLine }),
		});
	}
}
