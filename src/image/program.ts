import { createHash } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { UsageError, VpmuError } from '../lib/errors.ts';
import { makeFolder } from '../lib/files/make-folder.ts';
import type { Shape } from '../lib/files/stored.ts';
import { makeStub } from './build/make-stub.ts';
import type { RecipeStub } from './build/recipe.ts';
import { type Cache, linkOrCopy } from './cache/cache.ts';
import { damageOfJson, readKept } from './cache/identity.ts';
import { resolvePackages } from './debian/packages.ts';
import type { Architecture } from './debian/pins.ts';
import { localFiles, MissingFileError, type PackageTree, withPackageTree } from './debian/tree.ts';
import { type Closure, libraryClosure, libraryFolders } from './elf/closure.ts';
import { type Elf, isElf, parseElf } from './elf/elf.ts';

/** A program from Debian's packages that runs without installation, on any machine of its architecture. */
export interface ProgramRoot {
	/** A folder with the program, its libraries and the loader. It belongs to the cache and can be copied anywhere. */
	readonly root: string;
	/** Upstream version, such as `10.0.13`. */
	readonly version: string;
	readonly packageVersion: string;
	readonly architecture: Architecture;
	readonly suite: string;
	/** The start of its command line when `root` is at `rootOnHost`. */
	command(rootOnHost: string): string[];
}

/** What to take from a suite. */
export interface ProgramRequest {
	readonly suite: string;
	readonly architecture: Architecture;
	/** The first one determines the version. */
	readonly packages: readonly string[];
	/** Absolute path of the program in the packages. */
	readonly program: string;
	/** Further files or folders of the packages, copied to the same path below the root. */
	readonly data?: readonly string[];
	/** Libraries to leave out, as in a recipe; arm64 programs only. */
	readonly stubs?: readonly RecipeStub[];
	/** Arguments of every command line; `{root}` stands for the root. */
	readonly arguments?: readonly string[];
}

/** Returns Debian's name for this machine's architecture. @throws VpmuError (blame `host`) if vpmu does not support it */
export function hostArchitecture(): Architecture {
	if (process.arch === 'x64') return 'amd64';
	if (process.arch === 'arm64') return 'arm64';
	throw new VpmuError(`vpmu runs on x86-64 and arm64, not on ${process.arch}`, { blame: 'host' });
}

/** Extracts the upstream version from a Debian package's version (deb-version(7)): no epoch, revision or repacking mark. */
export function upstreamVersion(packageVersion: string): string {
	return packageVersion
		.replace(/^\d+:/, '')
		.replace(/-[^-]*$/, '')
		.replace(/[+~](dfsg|ds|really|repack).*$/, '');
}

/**
 * Puts a Debian program and the libraries that it needs into a folder of the cache.
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function debianProgram(cache: Cache, request: ProgramRequest): Promise<ProgramRoot> {
	const { suite, architecture } = request;
	const set = await resolvePackages(cache, request);
	const main = set.set.find(item => item.name === request.packages[0]);
	if (main === undefined) {
		throw new VpmuError(`Debian ${suite} has no package ${request.packages[0]} for ${architecture}`, {
			blame: 'image',
		});
	}
	const name = path.posix.basename(request.program);
	const key = createHash('sha256')
		.update(
			JSON.stringify([
				layoutVersion,
				request.program,
				request.data ?? [],
				request.stubs ?? [],
				set.set.map(item => item.sha256),
			]),
		)
		.digest('hex')
		.slice(0, 16);
	const rootName = `${name}-${upstreamVersion(main.version)}-${architecture}-${key}`;
	const root = await cache.keep(
		'roots',
		rootName,
		async to => {
			const uses = await withPackageTree(cache, set, tree => fillRoot(tree, request, to));
			return { label: `${name} ${main.version} (${architecture}, ${suite})`, uses };
		},
		damageOfJson(layoutShape, layoutFile),
	);
	const layout = await readKept(layoutFile(root), layoutShape);
	return {
		root,
		version: layout.version ?? upstreamVersion(main.version),
		packageVersion: main.version,
		architecture,
		suite,
		command: rootOnHost => [
			...(layout.loader === null
				? []
				: [path.posix.join(rootOnHost, layout.loader), '--inhibit-cache', '--library-path', `${rootOnHost}/lib`]),
			path.posix.join(rootOnHost, layout.program),
			...(request.arguments ?? []).map(argument => argument.replaceAll('{root}', rootOnHost)),
		],
	};
}

/** Written into each root, so that the root can be used without resolving packages. */
interface RootLayout {
	readonly program: string;
	readonly loader: string | null;
	readonly version: string | null;
}

const layoutFile = (root: string) => path.join(root, 'vpmu-root.json');
const layoutShape: Shape<RootLayout> = v.looseObject({
	...{ program: v.string(), loader: v.nullable(v.string()), version: v.nullable(v.string()) },
});

/** Increase it when the layout of roots changes, so that old ones are not reused. */
const layoutVersion = 1;

async function fillRoot(tree: PackageTree, request: ProgramRequest, to: string): Promise<string[]> {
	const stubOf = (soname: string) =>
		request.architecture === 'arm64' ? request.stubs?.find(stub => soname.startsWith(stub.soname)) : undefined;
	const closure = await libraryClosure(tree, [request.program], undefined, soname => stubOf(soname) !== undefined);
	requireComplete(closure, request);
	const used = new Set<string>();
	const copy = async (from: string, place: string) => {
		const found = await tree.resolve(from);
		if (found === undefined) {
			throw new MissingFileError(`Debian ${request.suite}'s packages lack ${from}`);
		}
		used.add(found.entry.owner.key);
		if (found.entry.kind === 'folder') {
			for (const name of await tree.list(found.path)) await copy(`${found.path}/${name}`, `${place}/${name}`);
			return;
		}
		const target = path.join(to, place);
		await makeFolder(path.dirname(target));
		await linkOrCopy(found.entry.source, target);
	};
	const program = `bin/${path.posix.basename(request.program)}`;
	await copy(request.program, program);
	for (const library of closure.libraries) await copy(library, `lib/${path.posix.basename(library)}`);
	for (const [soname, file] of closure.skipped) {
		const stub = await makeStub(tree, [request.program, ...closure.libraries], soname, file, stubOf(soname)!);
		await writeFile(path.join(to, 'lib', soname), stub);
	}
	const interpreter = closure.interpreters[0];
	const loader = interpreter === undefined ? null : `lib/${path.posix.basename(interpreter)}`;
	if (interpreter !== undefined) await copy(interpreter, loader!);
	for (const item of request.data ?? []) await copy(item, item.replace(/^\/(usr\/)?/, ''));
	const version = findQemuVersion(await tree.read(request.program));
	const layout: RootLayout = { program, loader, version };
	await writeFile(layoutFile(to), `${JSON.stringify(layout)}\n`);
	return [...used].sort();
}

function requireComplete(closure: Closure, request: ProgramRequest): void {
	if (closure.missing.length === 0) return;
	const names = closure.missing.map(item => `${item.soname} (needed by ${item.neededBy})`);
	throw new MissingFileError(
		`Debian ${request.suite}'s packages lack libraries of ${request.program}: ${names.join(', ')}`,
	);
}

/** The version that a Debian QEMU prints; more exact than the package's (7.2+dfsg-7+deb12u18 is 7.2.22). */
function findQemuVersion(program: Uint8Array | undefined): string | null {
	if (program === undefined) return null;
	const bytes = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
	for (let at = bytes.indexOf(' (Debian '); at !== -1; at = bytes.indexOf(' (Debian ', at + 1)) {
		const version = /(?:^|\0)(\d+\.\d+\.\d+)$/.exec(bytes.toString('latin1', Math.max(0, at - 16), at))?.[1];
		if (version !== undefined) return version;
	}
	return null;
}

/**
 * Libraries that Debian's QEMU is linked against but a PMU test does not use: a quarter of the data that would have to be
 * copied to a host under test.
 */
const qemuStubs: readonly RecipeStub[] = [
	{ soname: 'libcapstone.so.', feature: 'disassembly (-d in_asm, x/i)' },
	{ soname: 'libsasl2.so.', feature: 'VNC authentication by SASL' },
	{ soname: 'libpmem.so.', feature: 'persistent memory (nvdimm, pmem=on)' },
	{ soname: 'librdmacm.so.', feature: 'migration over RDMA' },
	{ soname: 'libibverbs.so.', feature: 'migration over RDMA' },
	{ soname: 'libfuse3.so.', feature: 'block exports over FUSE' },
	{ soname: 'libvdeplug.so.', feature: 'networking by VDE' },
];

/**
 * Fetches Debian's `qemu-system-aarch64` of a suite, for hosts of an architecture. Firmware is left out: kernels are
 * booted directly (`-kernel`). The program is Debian's, byte for byte. On arm64, a few libraries that no PMU test uses are
 * replaced by stubs that end QEMU with a message when they are called.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function debianQemu(cache: Cache, suite: string, architecture: Architecture): Promise<ProgramRoot> {
	return await debianProgram(cache, {
		suite,
		architecture,
		packages: ['qemu-system-arm'],
		program: '/usr/bin/qemu-system-aarch64',
		stubs: qemuStubs,
		arguments: ['-L', '{root}/share/qemu'],
	});
}

/** The run-time requirements of a program. */
export interface ProgramNeeds {
	/** The kernel's name for the architecture, such as `aarch64` or `x86_64`. */
	readonly architecture: string;
	/** The loader that it requests; `null` if it is linked statically. */
	readonly interpreter: string | null;
	/** Sonames that the program itself needs. */
	readonly needed: readonly string[];
	/** Sonames needed by the program or its libraries that are in none of the folders. */
	readonly missing: readonly string[];
}

/**
 * Reads a program's requirements, and which of them a set of library folders lacks.
 *
 * @param folders where to look for libraries; default: the usual ones of the program's architecture on this machine
 * @throws UsageError when the file cannot be read or is not an ELF program
 */
export async function inspectProgram(file: string, folders?: readonly string[]): Promise<ProgramNeeds> {
	const elf = await readProgram(file);
	const closure = await libraryClosure(localFiles(), [file], folders ?? libraryFolders(elf.machine));
	return {
		architecture: elf.machine,
		interpreter: elf.interpreter,
		needed: elf.needed,
		missing: closure.missing.map(item => item.soname),
	};
}

async function readProgram(file: string): Promise<Elf> {
	let head: Buffer;
	try {
		await using handle = await open(file);
		head = Buffer.alloc(16);
		await handle.read(head, 0, 16, 0);
	} catch (error) {
		throw new UsageError(`cannot read the program '${file}': ${(error as Error).message}`, { cause: error });
	}
	if (!isElf(head)) throw new UsageError(`'${file}' is not a program (no ELF header)`);
	try {
		return parseElf(await readFile(file));
	} catch (error) {
		throw new UsageError(`'${file}' is a broken ELF file: ${(error as Error).message}`, { cause: error });
	}
}
