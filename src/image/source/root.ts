import { createHash } from 'node:crypto';
import { constants, copyFile, cp, lstat, mkdir, readdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../lib/files/make-folder.ts';
import type { Cache } from '../cache/cache.ts';
import { requireTool } from '../cache/tool.ts';
import { type PackageRequest, type PackageSet, resolvePackages, unpackPackages } from '../debian/packages.ts';
import { canonical } from '../debian/tree.ts';

/** A build system assembled from Debian packages, without installing anything on this machine. */
export interface BuildRoot {
	/** Belongs to the cache. */
	readonly folder: string;
	/** Identifies the exact versions in it. */
	readonly key: string;
}

/** Names that Debian creates at installation (update-alternatives). */
const alternatives = [
	['awk', 'gawk'],
	['cc', 'gcc'],
] as const;

/** Increase it when roots are assembled differently. */
const layoutVersion = 5;

/** The time of every file of a root. */
const fixedTime = '@946684800';

/**
 * Assembles a system from packages, for one or several architectures. If two packages have the same file, the later request
 * wins, so that this machine's programs replace those of another architecture that came along with its libraries.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function buildRoot(cache: Cache, name: string, requests: readonly PackageRequest[]): Promise<BuildRoot> {
	const sets: PackageSet[] = [];
	for (const request of requests) sets.push(await resolvePackages(cache, request));
	const key = createHash('sha256')
		.update(JSON.stringify([layoutVersion, sets.map(set => set.set.map(item => item.sha256))]))
		.digest('hex')
		.slice(0, 16);
	const folder = await cache.keep('roots', `${name}-${key}`, async to => {
		for (const merged of ['bin', 'sbin', 'lib', 'lib64']) {
			await makeFolder(path.join(to, 'usr', merged));
			await symlink(`usr/${merged}`, path.join(to, merged));
		}
		for (const place of ['dev', 'proc', 'tmp', 'mnt']) await mkdir(path.join(to, place));
		const uses = new Set<string>();
		for (const set of sets) {
			const what = `Putting together ${name} (${set.architecture})`;
			const packages = await unpackPackages(cache, set);
			for (const [done, unpacked] of packages.entries()) {
				cache.progress({ what, done, total: packages.length, unit: 'packages' });
				await join(unpacked.folder, to);
				uses.add(unpacked.key);
			}
			cache.progress({ what, done: packages.length, total: packages.length, unit: 'packages' });
		}
		await finishRoot(to);
		return { label: `${name}: packages to build with, put together`, uses: [...uses].sort() };
	});
	return { folder, key };
}

/** Does the part of the packages' installation scripts that a build needs. */
export async function finishRoot(root: string): Promise<void> {
	for (const [name, target] of alternatives) {
		if ((await lstat(path.join(root, 'usr/bin', target)).catch(() => undefined)) === undefined) continue;
		await symlink(target, path.join(root, 'usr/bin', name)).catch(() => undefined);
	}
	// Python's pip, which creates QEMU's Python environment offline, does not start without it.
	const certificates = path.join(root, 'usr/share/ca-certificates/mozilla');
	const names = await readdir(certificates).catch((): string[] => []);
	const bundle = await Promise.all(names.sort().map(name => readFile(path.join(certificates, name))));
	await makeFolder(path.join(root, 'etc/ssl/certs'));
	await writeFile(path.join(root, 'etc/ssl/certs/ca-certificates.crt'), Buffer.concat(bundle));
	// Kept builds depend on some of the programs. If a root that was pruned is assembled again, they are not newer than the builds.
	await requireTool(['find', root, '!', '-type', 'd', '-exec', 'touch', '-h', '-d', fixedTime, '{}', '+']);
}

/**
 * Adds the files of a package. They are copies (with shared blocks if the file system has them), never hard links: a build
 * that manages to write to its root must not change the inputs of other builds and images.
 */
async function join(from: string, to: string): Promise<void> {
	for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
		const source = path.join(entry.parentPath, entry.name);
		const place = path.join(to, canonical(`/${path.relative(from, source)}`));
		const there = await lstat(place).catch(() => undefined);
		if (entry.isDirectory()) {
			if (there === undefined) await makeFolder(place);
			continue;
		}
		// The merged-/usr links already exist.
		if (there?.isDirectory() === true) continue;
		if (there !== undefined) await unlink(place);
		await makeFolder(path.dirname(place));
		if (entry.isSymbolicLink()) await cp(source, place, { verbatimSymlinks: true });
		else await copyFile(source, place, constants.COPYFILE_FICLONE);
	}
}
