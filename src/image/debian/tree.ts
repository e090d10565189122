import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import type { FileSet } from '../elf/closure.ts';
import { type PackageSet, type UnpackedPackage, unpackPackages } from './packages.ts';

/** A file, folder or link in one of several unpacked packages. */
export interface TreeEntry {
	/** Path on this machine. */
	readonly source: string;
	readonly owner: UnpackedPackage;
	readonly kind: 'file' | 'folder' | 'link';
	/** Target of a link. */
	readonly target?: string;
	readonly mode: number;
}

/**
 * Presents unpacked packages as one file system, without copying them together. `/bin`, `/sbin` and `/lib` are the same as
 * below `/usr`, as in Debian since bookworm.
 */
export interface PackageTree extends FileSet {
	/** The entry at an absolute path. Follows links on the way to it, but not the entry itself. */
	entry(file: string): Promise<TreeEntry | undefined>;
	/** The entry that a path leads to after following all links, and its resolved path. */
	resolve(file: string): Promise<{ readonly path: string; readonly entry: TreeEntry } | undefined>;
	/** Names in a folder. */
	list(folder: string): Promise<string[]>;
}

/** Resolves the merged-/usr links of an absolute path: `/lib/x` is `/usr/lib/x`. */
export function canonical(file: string): string {
	return path.posix.normalize(file).replace(/^\/(bin|sbin|lib|lib64)(?=\/|$)/, '/usr/$1');
}

/** Joins unpacked packages into one tree. If two packages have the same path, the later one wins. */
export function packageTree(packages: readonly UnpackedPackage[]): PackageTree {
	const entries = new Map<string, Promise<TreeEntry | undefined>>();
	const contents = new Map<string, Uint8Array>();

	const look = async (file: string): Promise<TreeEntry | undefined> => {
		const places = [file, file.replace(/^\/usr\/(bin|sbin|lib|lib64)(?=\/|$)/, '/$1')];
		for (const owner of packages.toReversed()) {
			for (const place of new Set(places)) {
				const source = path.join(owner.folder, place);
				const stats = await lstat(source).catch(() => undefined);
				if (stats === undefined) continue;
				const common = { source, owner, mode: stats.mode & 0o7777 };
				if (stats.isSymbolicLink()) return { ...common, kind: 'link', target: await readlink(source) };
				return { ...common, kind: stats.isDirectory() ? 'folder' : 'file' };
			}
		}
		return undefined;
	};
	const direct = (file: string) => {
		const found = entries.get(file) ?? look(file);
		entries.set(file, found);
		return found;
	};

	/** Walks the path part by part, as the kernel would in the image. */
	const walk = async (
		file: string,
		followLast: boolean,
		depth = 0,
	): Promise<{ path: string; entry: TreeEntry } | undefined> => {
		if (depth > 40) return undefined;
		const parts = canonical(file).split('/').filter(Boolean);
		let at = '';
		for (const [index, part] of parts.entries()) {
			const next = canonical(`${at}/${part}`);
			const entry = await direct(next);
			if (entry === undefined) return undefined;
			const last = index === parts.length - 1;
			if (entry.kind === 'link' && (!last || followLast)) {
				const rest = parts.slice(index + 1).join('/');
				return await walk(path.posix.join(path.posix.resolve(at || '/', entry.target!), rest), followLast, depth + 1);
			}
			if (last) return { path: next, entry };
			at = next;
		}
		return undefined;
	};

	return {
		resolve: file => walk(file, true),
		entry: async file => (await walk(file, false))?.entry,
		async read(file) {
			const found = await walk(file, true);
			if (found?.entry.kind !== 'file') return undefined;
			const known = contents.get(found.path);
			if (known !== undefined) return known;
			const bytes = await readFile(found.entry.source);
			contents.set(found.path, bytes);
			return bytes;
		},
		async list(folder) {
			const names = new Set<string>();
			for (const owner of packages) {
				const merged = canonical(folder);
				for (const place of new Set([merged, merged.replace(/^\/usr\/(bin|sbin|lib|lib64)(?=\/|$)/, '/$1')])) {
					for (const name of await readdir(path.join(owner.folder, place)).catch(() => [])) names.add(name);
				}
			}
			return [...names].sort();
		},
	};
}

/** An expected file is missing from a set of packages. */
export class MissingFileError extends VpmuError {
	override readonly name = 'MissingFileError';

	constructor(message: string) {
		super(message, { blame: 'image' });
	}
}

/**
 * Runs `work` with the files of packages. Most dependencies of a package only serve its installation. So the requested
 * packages and libraries are tried first, and the rest is fetched only if `work` misses a file.
 *
 * @throws whatever `work` throws; VpmuError as {@link unpackPackages}
 */
export async function withPackageTree<T>(
	cache: Cache,
	set: PackageSet,
	work: (tree: PackageTree) => Promise<T>,
): Promise<T> {
	const likely = (name: string) =>
		set.packages.includes(name) || (/^(lib|zlib)/.test(name) && !/-(perl|common|data|stdlib|minimal)$/.test(name));
	try {
		return await work(packageTree(await unpackPackages(cache, set, item => likely(item.name))));
	} catch (error) {
		if (!(error instanceof MissingFileError)) throw error;
		return await work(packageTree(await unpackPackages(cache, set)));
	}
}

/** Presents this machine's file system, or a folder of it, as a set of files for library lookup. */
export function localFiles(): FileSet {
	return {
		async read(file) {
			try {
				return await readFile(await realpath(file));
			} catch {
				return undefined;
			}
		},
	};
}
