import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../../src/lib/index.ts';
import { shippedCases } from '../usage/places.ts';

/** The folders in which a run finds its cases. */
export interface CaseFolders {
	/** The user's own; `null` if there are none. */
	readonly own: string | null;
	/** How the user named that folder, and where; absent if it was found. */
	readonly named?: string;
	/** The shipped ones. */
	readonly shipped: string;
}

/** One case file. */
export interface CaseFile {
	/** Absolute path. */
	readonly path: string;
	/** The folder of the user's own cases that it is in; `null` for a case that vpmu ships. */
	readonly folder: string | null;
}

/** The inputs of {@link caseFolders}. */
export interface CasePlace {
	readonly cwd: string;
	readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the folders of cases. The user's own is named by `--cases` or `VPMU_CASES`; by default it is `cases` in the
 * project that contains the current folder, if vpmu is installed there.
 *
 * @throws UsageError for a named folder that does not exist
 */
export function caseFolders({ cwd, env }: CasePlace, given?: string): CaseFolders {
	const named = given ?? (env.VPMU_CASES || undefined);
	if (named !== undefined) {
		const own = path.resolve(cwd, named);
		const words = `'${named}' of ${given === undefined ? 'VPMU_CASES' : "option '--cases'"}`;
		if (!isFolder(own)) {
			const what = existsSync(own) ? 'is not a folder' : 'does not exist';
			throw new UsageError(`${words} ${what}; name the folder that holds the cases`);
		}
		return { own: own === shippedCases ? null : own, named: words, shipped: shippedCases };
	}
	for (let folder = cwd; ; folder = path.dirname(folder)) {
		const own = path.join(folder, 'cases');
		if (usesVpmu(folder) && isFolder(own)) return { own, shipped: shippedCases };
		if (path.dirname(folder) === folder) return { own: null, shipped: shippedCases };
	}
}

/**
 * Returns the case files by name, such as `pmu/default-counts`. Skips type declarations, package folders, and names
 * that begin with `_` or `.`.
 *
 * @throws UsageError for a name that two files have
 */
export function caseFiles({ own, shipped }: CaseFolders): ReadonlyMap<string, CaseFile> {
	const files = new Map<string, CaseFile>();
	for (const folder of own === null ? [shipped] : [shipped, own]) {
		for (const file of filesBelow(folder)) {
			const name = nameIn(folder, file);
			const other = files.get(name);
			if (other !== undefined) {
				const from = other.folder === null ? 'vpmu ships a case of that name' : `so is ${other.path}`;
				throw new UsageError(`the case file ${file} is named '${name}', but ${from}; rename the file`);
			}
			files.set(name, { path: file, folder: folder === shipped ? null : folder });
		}
	}
	return files;
}

/** Replaces paths of case files, among the names that the user gave, by case names. */
export function namesOf(
	patterns: readonly string[],
	files: ReadonlyMap<string, CaseFile>,
	cwd: string,
): readonly string[] {
	return patterns.map(pattern => {
		const file = path.resolve(cwd, pattern);
		return [...files].find(([, one]) => one.path === file)?.[0] ?? pattern;
	});
}

/** Returns the case name and case folder of a file that was given to AVA directly. */
export function caseOfFile(file: string): { readonly name: string; readonly folder: string | null } {
	if (file.startsWith(shippedCases + path.sep)) return { name: nameIn(shippedCases, file), folder: null };
	const above = path.dirname(path.dirname(file));
	let folder = above;
	for (let one = path.dirname(file); path.dirname(one) !== one; one = path.dirname(one)) {
		if (path.basename(one) !== 'cases') continue;
		folder = one;
		break;
	}
	return { name: nameIn(folder, file), folder };
}

const codeFile = /(?<!\.d)\.m?[jt]s$/;

function nameIn(folder: string, file: string): string {
	return path.relative(folder, file).replaceAll(path.sep, '/').replace(codeFile, '');
}

function filesBelow(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true })
		.filter(entry => !/^[._]|^node_modules$/.test(entry.name))
		.sort((a, b) => (a.name < b.name ? -1 : 1))
		.flatMap(entry => {
			const one = path.join(folder, entry.name);
			if (isFolder(one)) return filesBelow(one);
			return codeFile.test(entry.name) ? [one] : [];
		});
}

function usesVpmu(folder: string): boolean {
	if (existsSync(path.join(folder, 'node_modules', 'vpmu'))) return true;
	try {
		const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
		return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].some(
			kind => manifest?.[kind]?.vpmu !== undefined,
		);
	} catch {
		return false;
	}
}

function isFolder(file: string): boolean {
	try {
		return statSync(file).isDirectory();
	} catch {
		return false;
	}
}
