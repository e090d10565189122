import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { openForeign, readForeign } from '../sandbox/index.ts';

/** A source tree of QEMU: a folder, or an archive as QEMU and Debian publish them. */
export interface QemuSource {
	/** As the user named it. */
	readonly name: string;
	readonly path: string;
	readonly isArchive: boolean;
	/** SHA-256 of the archive, or of all files in the folder that the build uses. */
	readonly hash: string;
}

/** Parts of the source that `-M virt` does not need: most of its size. */
const unneeded = ['.git', 'build', 'roms'];

/**
 * Inspects a source tree.
 *
 * @param name its name in messages, if not its path
 * @throws UsageError if it does not exist or is not QEMU's
 */
export async function openQemuSource(file: string, cwd = process.cwd(), name = file): Promise<QemuSource> {
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
	return { name, path: place, isArchive: false, hash: await hashOfFolder(place) };
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
export async function copySource({ path: from }: QemuSource, to: string, withRoms: boolean): Promise<void> {
	await mkdir(to, { recursive: true });
	const left = unneeded.filter(name => !(withRoms && name === 'roms'));
	for (const name of (await readdir(from)).filter(one => !left.includes(one))) {
		await cp(path.join(from, name), path.join(to, name), { recursive: true, verbatimSymlinks: true });
	}
}

async function hashOfFolder(folder: string): Promise<string> {
	const hash = createHash('sha256');
	const walk = async (at: string): Promise<void> => {
		const entries = await readdir(path.join(folder, at), { withFileTypes: true });
		for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
			if (at === '' && unneeded.includes(entry.name)) continue;
			const place = path.join(at, entry.name);
			const full = path.join(folder, place);
			if (entry.isDirectory()) await walk(place);
			else if (!entry.isFile() && !entry.isSymbolicLink()) {
				throw new UsageError(`'${full}' is neither a file nor a folder nor a link: it cannot be built from`);
			} else {
				const content = entry.isSymbolicLink() ? Buffer.from(await readlink(full)) : await readFile(full);
				hash.update(`${place}\0${content.length}\0`).update(content);
			}
		}
	};
	await walk('');
	return hash.digest('hex');
}
