import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '../../lib/errors.ts';

/** A source tree of QEMU: a folder, or an archive as QEMU and Debian publish them. */
export interface QemuSource {
	/** As the user named it. */
	readonly name: string;
	readonly path: string;
	readonly isArchive: boolean;
	/** SHA-256 of the archive, or of all that is built from in the folder. */
	readonly hash: string;
}

/** What no program for `-M virt` is built from: of the source, most of its size. */
const unneeded = ['.git', 'build', 'roms'];

/**
 * Looks at a source tree.
 *
 * @param name how messages name it, where that is not its path
 * @throws UsageError when there is none, or it is not QEMU's
 */
export async function openQemuSource(file: string, cwd = process.cwd(), name = file): Promise<QemuSource> {
	const place = path.resolve(cwd, file);
	const stats = await stat(place).catch(() => undefined);
	if (stats === undefined)
		throw new UsageError(`there is no '${name}' to build from: a folder or an archive of QEMU's source`);
	if (stats.isFile()) {
		if (!/\.t(ar\.)?(xz|gz|bz2)$|\.tgz$/.test(file)) {
			throw new UsageError(`'${name}' is no archive of a source; allowed: .tar.xz, .tar.gz, .tar.bz2, or a folder`);
		}
		const hash = createHash('sha256');
		await pipeline(createReadStream(place), hash);
		return { name, path: place, isArchive: true, hash: hash.digest('hex') };
	}
	await requireQemu(name, place);
	return { name, path: place, isArchive: false, hash: await hashOfFolder(place) };
}

/** The version that a source tree says it is. @throws UsageError for one that is not QEMU's */
export async function requireQemu(name: string, folder: string): Promise<string> {
	const files = ['VERSION', 'configure', 'target/arm/kvm.c'];
	for (const file of files) {
		if ((await stat(path.join(folder, file)).catch(() => undefined)) === undefined) {
			throw new UsageError(`'${name}' is no source of QEMU: it has no file '${file}'`);
		}
	}
	return (await readFile(path.join(folder, 'VERSION'), 'utf8')).trim();
}

/** Copies a source folder, without what is not built from. */
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
			else {
				const content = entry.isSymbolicLink() ? Buffer.from(await readlink(full)) : await readFile(full);
				hash.update(`${place}\0${content.length}\0`).update(content);
			}
		}
	};
	await walk('');
	return hash.digest('hex');
}
