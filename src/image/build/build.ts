import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import type { Shape } from '../../lib/files/stored.ts';
import type { Cache } from '../cache/cache.ts';
import { damageOfJson, recordFile } from '../cache/identity.ts';
import type { CacheRecord } from '../cache/kinds.ts';
import { type CpioEntry, writeCpio } from '../cpio.ts';
import { resolvePackages } from '../debian/packages.ts';
import { canonical, MissingFileError, type PackageTree, withPackageTree } from '../debian/tree.ts';
import { libraryClosure, libraryFolders } from '../elf/closure.ts';
import { elfMachineOf } from '../elf/elf.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { kernelModules } from '../kernel/modules.ts';
import { busyboxApplets } from './applets.ts';
import { squashfsTool, writeSquashfs } from './disk.ts';
import { makeStub } from './make-stub.ts';
import type { Recipe, RecipeFile } from './recipe.ts';

/** One file of an image, and its origin. */
export interface ImageFile {
	readonly path: string;
	readonly sizeBytes: number;
	/** `PACKAGE VERSION`, `kernel RELEASE`, `recipe`, `stub` or `extra`. */
	readonly from: string;
}

/** An image in the cache: an initramfs, or a disk if its recipe says so. */
export interface Image {
	readonly name: string;
	/** The archive for QEMU's `-initrd`, or the disk, to be attached read-only. */
	readonly path: string;
	readonly sizeBytes: number;
	/** SHA-256 of the file. */
	readonly hash: string;
	readonly contents: readonly ImageFile[];
}

export interface BuildOptions {
	/** The kernel that the image will run under. Its modules are added if the recipe names any. */
	readonly kernel?: Kernel;
	/** Extra files; they replace those of the recipe. */
	readonly extraFiles?: readonly CpioEntry[];
}

const imageShape: Shape<CacheRecord & Pick<Image, 'sizeBytes' | 'hash' | 'contents'>> = v.looseObject({
	...{ sizeBytes: v.number(), hash: v.string() },
	contents: v.array(v.looseObject({ path: v.string(), sizeBytes: v.number(), from: v.string() })),
});

/** Increase it when the same inputs produce different bytes, so that old images are not reused. */
const builderVersion = 2;

/**
 * Builds an image, or finds it in the cache. The same recipe, packages, kernel modules and files give the same bytes.
 * @throws UsageError for a recipe that names something impossible; VpmuError (blame `host` or `image`)
 */
export async function buildImage(cache: Cache, recipe: Recipe, options: BuildOptions = {}): Promise<Image> {
	const set = await resolvePackages(cache, recipe);
	const files = await readLocalFiles(recipe);
	const tool = recipe.format === 'squashfs' ? await squashfsTool(cache) : undefined;
	const key = createHash('sha256')
		.update(
			JSON.stringify([
				builderVersion,
				{ ...recipe, description: '', files: undefined, format: tool === undefined ? undefined : recipe.format },
				set.set.map(item => item.sha256),
				recipe.kernelModules === undefined ? null : (options.kernel?.uses ?? null),
				files.map(([name, file]) => [name, describe(file)]),
				(options.extraFiles ?? []).map(entry => [entry.path, describe(entry)]),
				...(tool === undefined ? [] : [path.basename(tool.root)]),
			]),
		)
		.digest('hex');
	const name = `${recipe.name}-${key.slice(0, 20)}`;
	const kept = await cache.keep(
		'images',
		name,
		async to => {
			cache.progress({ what: `Building image ${recipe.name}`, done: 0, total: null, unit: 'files' });
			const built = await withPackageTree(cache, set, tree => assemble(cache, tree, recipe, files, options));
			if (tool === undefined) await writeFile(to, writeCpio(built.entries));
			else await writeSquashfs(tool, built.entries, { to, staging: `${to}.files`, signal: cache.signal });
			const written = await readFile(to);
			cache.progress({
				what: `Building image ${recipe.name}`,
				done: built.entries.length,
				total: built.entries.length,
				unit: 'files',
			});
			return {
				label: `${recipe.name}: ${recipe.description}${tool === undefined ? '' : ' (disk)'}`,
				uses: built.uses,
				sizeBytes: written.length,
				hash: createHash('sha256').update(written).digest('hex'),
				contents: built.contents,
			};
		},
		damageOfJson(imageShape, recordFile),
	);
	const record = await cache.record('images', name, imageShape);
	return { name: recipe.name, path: kept, sizeBytes: record.sizeBytes, hash: record.hash, contents: record.contents };
}

async function readLocalFiles(recipe: Recipe): Promise<(readonly [string, RecipeFile])[]> {
	const read: (readonly [string, RecipeFile])[] = [];
	for (const [name, file] of Object.entries(recipe.files)) {
		if (!name.startsWith('/')) {
			throw new UsageError(`file '${name}' of image recipe '${recipe.name}' must be an absolute path in the image`);
		}
		if (!('local' in file)) {
			read.push([name, file]);
			continue;
		}
		const content = await readFile(file.local).catch(error => {
			if (file.optional === true && error.code === 'ENOENT') return undefined;
			throw new UsageError(`cannot read '${file.local}' for image recipe '${recipe.name}': ${error.message}`);
		});
		if (content === undefined) continue;
		read.push([name, { content, mode: file.mode ?? (await stat(file.local)).mode & 0o755 }]);
	}
	return read;
}

/** A JSON-serialisable key that identifies a file's content. */
function describe(file: RecipeFile | CpioEntry): unknown {
	if (!('content' in file)) return file;
	return { mode: file.mode, content: createHash('sha256').update(file.content).digest('hex') };
}

interface Assembled {
	readonly entries: CpioEntry[];
	readonly contents: ImageFile[];
	readonly uses: string[];
}

async function assemble(
	cache: Cache,
	tree: PackageTree,
	recipe: Recipe,
	files: readonly (readonly [string, RecipeFile])[],
	options: BuildOptions,
): Promise<Assembled> {
	const entries = new Map<string, CpioEntry>();
	const contents: ImageFile[] = [];
	const uses = new Set<string>();
	const add = (entry: CpioEntry, from: string) => {
		entries.set(entry.path, entry);
		if ('content' in entry)
			contents.push({ path: `/${entry.path}`, sizeBytes: Buffer.byteLength(entry.content), from });
	};
	/** Maps each file of the packages to its path in the image: a file with two names is stored once. */
	const places = new Map<string, string>();
	const inImage = (file: string) => canonical(file).slice(1);
	const addPackaged = async (from: string, to: string, mode?: number): Promise<void> => {
		const found = await tree.resolve(from);
		if (found === undefined) {
			throw new MissingFileError(`the packages of image recipe '${recipe.name}' (${recipe.suite}) lack ${from}`);
		}
		const { entry } = found;
		uses.add(entry.owner.key);
		if (entry.kind === 'folder') {
			add({ path: inImage(to), directory: true, mode: mode ?? entry.mode }, '');
			for (const name of await tree.list(found.path)) await addPackaged(`${found.path}/${name}`, `${to}/${name}`);
			return;
		}
		const target = inImage(to);
		const known = places.get(found.path);
		if (known !== undefined && known !== target) {
			add({ path: target, symlink: `/${known}` }, '');
			return;
		}
		places.set(found.path, target);
		const content = (await tree.read(found.path))!;
		// Drop the set-user-ID bit: everything in the image runs as root.
		add({ path: inImage(to), content, mode: mode ?? entry.mode & 0o755 }, `${entry.owner.name} ${entry.owner.version}`);
	};

	for (const merged of ['bin', 'lib', 'sbin']) add({ path: merged, symlink: `usr/${merged}` }, '');
	for (const folder of ['dev', 'proc', 'sys', 'tmp', 'run', 'root', 'etc', 'usr/bin', 'usr/sbin', 'usr/lib']) {
		add({ path: folder, directory: true, mode: folder === 'tmp' ? 0o1777 : folder === 'root' ? 0o700 : 0o755 }, '');
	}
	add({ path: 'dev/console', device: ['c', 5, 1] }, '');
	add({ path: 'dev/null', device: ['c', 1, 3], mode: 0o666 }, '');

	const libraries = await findLibraries(tree, recipe);
	const stubOf = (soname: string) => recipe.stubs?.find(stub => soname.startsWith(stub.soname));
	const roots = [...recipe.programs, ...libraries];
	const closure = await libraryClosure(tree, roots, undefined, soname => stubOf(soname) !== undefined);
	if (closure.missing.length > 0) {
		const names = closure.missing.map(item => `${item.soname} (needed by ${item.neededBy})`);
		throw new MissingFileError(`image recipe '${recipe.name}' lacks libraries: ${names.join(', ')}`);
	}
	for (const file of [...recipe.programs, ...libraries, ...closure.interpreters, ...closure.libraries]) {
		await addPackaged(file, file);
	}
	const kept = [...roots, ...closure.libraries];
	for (const [soname, file] of closure.skipped) {
		const content = await makeStub(tree, kept, soname, file, stubOf(soname)!);
		add({ path: inImage(file), content, mode: 0o755 }, 'stub');
	}
	if (recipe.busybox !== undefined) await addApplets(tree, recipe.busybox, entries, add);
	if (options.kernel !== undefined && recipe.kernelModules !== undefined) {
		const modules = await kernelModules(cache, options.kernel, recipe.kernelModules, recipe.suite);
		for (const [index, module] of modules.entries()) {
			const place = `usr/lib/modules/load/${String(index).padStart(2, '0')}-${module.name}.ko`;
			add({ path: place, content: await readFile(module.path) }, `kernel ${options.kernel.release}`);
		}
		for (const use of options.kernel.uses) uses.add(use);
	}
	for (const [name, file] of files) {
		if ('packaged' in file) await addPackaged(file.packaged, name, file.mode);
		else if (!('local' in file)) add({ path: inImage(name), ...file }, 'recipe');
	}
	for (const entry of options.extraFiles ?? []) add(entry, 'extra');
	return {
		entries: [...entries.values()],
		contents: contents.sort((a, b) => (a.path < b.path ? -1 : 1)),
		uses: [...uses].sort(),
	};
}

async function findLibraries(tree: PackageTree, recipe: Recipe): Promise<string[]> {
	const found: string[] = [];
	for (const soname of recipe.libraries ?? []) {
		const folders = libraryFolders(elfMachineOf[recipe.architecture]);
		const places = folders.map(folder => path.posix.join(folder, soname));
		const hits = await Promise.all(places.map(place => tree.resolve(place)));
		const place = places.find((_, index) => hits[index] !== undefined);
		if (place === undefined) {
			throw new MissingFileError(`the packages of image recipe '${recipe.name}' (${recipe.suite}) lack ${soname}`);
		}
		found.push(place);
	}
	return found;
}

async function addApplets(
	tree: PackageTree,
	busybox: string,
	entries: ReadonlyMap<string, CpioEntry>,
	add: (entry: CpioEntry, from: string) => void,
): Promise<void> {
	const program = await tree.read(busybox);
	const names = program === undefined ? [] : busyboxApplets(program);
	if (names.length === 0) throw new VpmuError(`${busybox} lists no applets; it may not be busybox`, { blame: 'image' });
	const target = path.posix.basename(canonical(busybox));
	for (const name of names) {
		if (entries.has(`usr/bin/${name}`) || entries.has(`usr/sbin/${name}`)) continue;
		add({ path: `usr/bin/${name}`, symlink: target }, 'busybox');
	}
}
