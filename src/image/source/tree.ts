import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { requireTool } from '../cache/tool.ts';
import { openForeign, readForeign } from '../sandbox/index.ts';
import { git, isGitTree } from './git.ts';

/** A source tree of QEMU: a folder, or an archive as QEMU and Debian publish them. */
export interface QemuSource {
	/** As the user named it. */
	readonly name: string;
	readonly path: string;
	readonly isArchive: boolean;
	/** SHA-256 of the archive, or of all files in the folder that the build uses. */
	readonly hash: string;
	/** Of a git tree, the files that belong to it; of a plain folder all do. */
	readonly files?: readonly string[];
}

/** Parts of the source that `-M virt` does not need: most of its size. */
const unneeded = ['.git', 'build', 'roms'];

/**
 * Inspects a source tree.
 *
 * @param name its name in messages, if not its path
 * @throws UsageError if it does not exist or is not QEMU's
 */
export async function openQemuSource(
	file: string,
	cwd = process.cwd(),
	name = file,
	signal?: AbortSignal,
): Promise<QemuSource> {
	const place = path.resolve(cwd, file);
	const stats = await stat(place).catch(() => undefined);
	if (stats === undefined)
		throw new UsageError(`there is no '${name}' to build from: a folder or an archive of QEMU's source`);
	if (stats.isFile()) {
		if (!/\.t(ar\.)?(xz|gz|bz2)$|\.tgz$/.test(file)) {
			throw new UsageError(`'${name}' is not an archive of a source; allowed: .tar.xz, .tar.gz, .tar.bz2, or a folder`);
		}
		const hash = createHash('sha256');
		await pipeline(createReadStream(place), hash);
		return { name, path: place, isArchive: true, hash: hash.digest('hex') };
	}
	await requireQemu(name, place);
	const files = await trackedFiles(place, signal);
	const hash = await hashOf(place, files ?? (await filesBelow(place, '')));
	return { name, path: place, isArchive: false, hash, ...(files === undefined ? {} : { files }) };
}

/**
 * The files of a git tree as they stand in it: those that git tracks, and `subprojects`, which QEMU's build fetches into it. Build
 * folders, patches and caches that lie in the tree are not part of it. `undefined` for a folder that is not a git tree.
 */
async function trackedFiles(folder: string, signal?: AbortSignal): Promise<string[] | undefined> {
	if (!(await isGitTree(folder, signal))) return undefined;
	const { status, stdout } = await git(folder, ['ls-files', '-z', '--cached'], signal);
	if (status !== 0) return undefined;
	const tracked = stdout.split('\0').filter(name => name !== '' && !name.startsWith('subprojects/'));
	const files: string[] = [];
	for (const name of tracked) {
		// A file that was removed, or the folder of a submodule.
		const stats = await lstat(path.join(folder, name)).catch(() => undefined);
		if (stats !== undefined && !stats.isDirectory()) files.push(name);
	}
	const fetched = await filesBelow(folder, 'subprojects').catch(() => []);
	return [...files, ...fetched.filter(name => !name.includes('/.git/'))].sort();
}

/** Reads the version from a source tree. @throws UsageError if it is not QEMU's */
export async function requireQemu(name: string, folder: string): Promise<string> {
	for (const file of ['VERSION', 'configure', 'target/arm/kvm.c']) {
		// The tree is not trusted: do not follow a link or open a FIFO.
		await using _ = await openForeign(folder, file, 16 * 1024 ** 2).catch(error => {
			const why = error.code === 'ENOENT' ? `it has no file '${file}'` : messageOf(error);
			throw new UsageError(`'${name}' is not a source of QEMU: ${why}`);
		});
	}
	const version = (await readForeign(folder, 'VERSION', 4096)).toString('utf8').trim();
	if (/^\d[\w.+-]{0,40}$/.test(version)) return version;
	throw new UsageError(`'${name}' is not a source of QEMU: its file 'VERSION' holds no version, such as 10.0.13`);
}

/** Copies a source folder, without the parts that are not needed. */
export async function copySource({ path: from, files }: QemuSource, to: string, withRoms: boolean): Promise<void> {
	await makeFolder(to);
	const isLeft = (name: string) => unneeded.includes(name) && !(withRoms && name === 'roms');
	if (files === undefined) {
		for (const name of (await readdir(from)).filter(one => !isLeft(one))) {
			await cp(path.join(from, name), path.join(to, name), { recursive: true, verbatimSymlinks: true });
		}
		return;
	}
	const wanted = files.filter(name => !isLeft(name.split('/')[0]!)).map(name => `./${name}`);
	for (let at = 0; at < wanted.length; at += 500) {
		const some = wanted.slice(at, at + 500);
		await requireTool(['cp', '--parents', '--no-dereference', '--preserve=mode', '--target-directory', to, ...some], {
			cwd: from,
		});
	}
}

/** Files below a folder of a source that the build uses, by their names from the source's top on. */
async function filesBelow(folder: string, at: string): Promise<string[]> {
	const entries = await readdir(path.join(folder, at), { withFileTypes: true });
	const files: string[] = [];
	for (const entry of entries) {
		if (at === '' && unneeded.includes(entry.name)) continue;
		const place = path.join(at, entry.name);
		if (entry.isDirectory()) files.push(...(await filesBelow(folder, place)));
		else if (entry.isFile() || entry.isSymbolicLink()) files.push(place);
		else {
			const full = path.join(folder, place);
			throw new UsageError(`'${full}' is neither a file nor a folder nor a link: it cannot be built from`);
		}
	}
	return files;
}

/** Octal 111. */
const isExecutable = (mode: number) => (mode & 73) !== 0;

async function hashOf(folder: string, files: readonly string[]): Promise<string> {
	const hash = createHash('sha256');
	for (const place of files.filter(name => !unneeded.includes(name.split('/')[0]!)).sort()) {
		const full = path.join(folder, place);
		const stats = await lstat(full);
		const content = stats.isSymbolicLink() ? Buffer.from(await readlink(full)) : await readFile(full);
		hash.update(`${place}\0${isExecutable(stats.mode) ? 'x' : ''}${content.length}\0`).update(content);
	}
	return hash.digest('hex');
}
