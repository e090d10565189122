import path from 'node:path';
import { parseElf } from './elf.ts';

/** A set of files in which libraries are looked up, by absolute path as the target will see it. */
export interface FileSet {
	/** The file's bytes, after following symbolic links; `undefined` if there is no such file. */
	read(file: string): Promise<Uint8Array | undefined>;
}

/** The run-time dependencies of a set of programs and libraries. */
export interface Closure {
	/** Paths of libraries, as found, in the order of discovery. */
	readonly libraries: readonly string[];
	readonly interpreters: readonly string[];
	/** Libraries that were found but left out on request, by path, with the requested soname. */
	readonly skipped: ReadonlyMap<string, string>;
	/** Sonames that were not found, with the files that need them. */
	readonly missing: readonly { readonly soname: string; readonly neededBy: string }[];
}

/** Default search folders of an architecture's loader (Debian's multiarch folders first). */
export function libraryFolders(machine: string): readonly string[] {
	const triplet = `${machine}-linux-gnu`;
	return [`/lib/${triplet}`, `/usr/lib/${triplet}`, '/lib', '/usr/lib', '/lib64', '/usr/lib64'];
}

/**
 * Finds the shared libraries that programs need, directly or indirectly, as ld.so(8) does: DT_RPATH (if there
 * is no DT_RUNPATH), DT_RUNPATH, then the default folders.
 *
 * @param skip selects the sonames to leave out; libraries needed only by them are left out too
 */
export async function libraryClosure(
	files: FileSet,
	programs: readonly string[],
	folders: readonly string[] | undefined = undefined,
	skip: (soname: string) => boolean = () => false,
): Promise<Closure> {
	const found = new Map<string, string>();
	const skipped = new Map<string, string>();
	const libraries: string[] = [];
	const interpreters = new Set<string>();
	const missing: { soname: string; neededBy: string }[] = [];
	const queue: string[] = [...programs];
	const seen = new Set<string>(programs);
	for (let current = queue.shift(); current !== undefined; current = queue.shift()) {
		const bytes = await files.read(current);
		if (bytes === undefined) {
			missing.push({ soname: path.basename(current), neededBy: current });
			continue;
		}
		const elf = parseElf(bytes);
		if (elf.interpreter !== null) interpreters.add(elf.interpreter);
		const own = (elf.runpath.length > 0 ? elf.runpath : elf.rpath).map(folder =>
			path.normalize(folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, path.dirname(current!))),
		);
		for (const soname of elf.needed) {
			if (found.has(soname)) continue;
			const candidates = soname.includes('/')
				? [soname]
				: [...own, ...(folders ?? libraryFolders(elf.machine))].map(folder => path.join(folder, soname));
			const library = await firstOf(files, candidates, elf.machineNumber);
			if (library === undefined) {
				// The loader is also requested by name (libc needs it); its path is in PT_INTERP.
				if ([...interpreters].some(interpreter => path.basename(interpreter) === soname)) continue;
				if (!missing.some(item => item.soname === soname)) missing.push({ soname, neededBy: current });
				continue;
			}
			found.set(soname, library);
			if (skip(soname)) {
				skipped.set(soname, library);
				continue;
			}
			if (!seen.has(library)) {
				seen.add(library);
				libraries.push(library);
				queue.push(library);
			}
		}
	}
	return { libraries, interpreters: [...interpreters], skipped, missing };
}

async function firstOf(files: FileSet, candidates: readonly string[], machine: number): Promise<string | undefined> {
	for (const candidate of candidates) {
		const bytes = await files.read(candidate);
		if (bytes === undefined) continue;
		try {
			// ld.so skips libraries of another architecture.
			if (parseElf(bytes).machineNumber === machine) return candidate;
		} catch {
			// A linker script or other text with that name, not a library.
		}
	}
	return undefined;
}
