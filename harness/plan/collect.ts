import { pathToFileURL } from 'node:url';
import { UsageError, VpmuError } from '../../src/lib/index.ts';
import { type CaseFile, type CaseFolders, caseFiles } from './case-files.ts';
import { registerCaseLoader } from './loader.ts';
import type { CaseDeclaration } from './plan.ts';

/** Where `pmuTest` puts declarations while case files are only read; set before the first import. */
export interface Collector {
	case: string;
	isOwn: boolean;
	readonly declarations: CaseDeclaration[];
}

export const collectorKey = Symbol.for('vpmu.collector');

/** All declared cases. */
export interface CollectedCases {
	/** Sorted by case name. */
	readonly declarations: readonly CaseDeclaration[];
	/** By case name. */
	readonly files: ReadonlyMap<string, CaseFile>;
}

/**
 * Imports every case file of the folders and returns their declarations; runs no case.
 * @throws VpmuError naming a file that cannot be imported; UsageError for a name that two files have, and for a named folder
 * without cases
 */
export function collectCases(folders: CaseFolders): Promise<CollectedCases> {
	// A file declares its cases on its first import only.
	collected ??= collect(folders);
	return collected;
}

let collected: Promise<CollectedCases> | undefined;

async function collect(folders: CaseFolders): Promise<CollectedCases> {
	const collector: Collector = { case: '', isOwn: false, declarations: [] };
	(globalThis as { [collectorKey]?: Collector })[collectorKey] = collector;
	const files = caseFiles(folders);
	if (folders.own !== null) registerCaseLoader();
	for (const [name, { path, folder }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
		collector.case = name;
		collector.isOwn = folder !== null;
		try {
			await import(pathToFileURL(path).href);
		} catch (error) {
			throw new VpmuError(`the case file ${path} cannot be imported`, {
				blame: 'harness',
				evidence: String((error as Error).stack ?? error).split('\n'),
				cause: error,
			});
		}
	}
	if (folders.own !== null && folders.named !== undefined && !collector.declarations.some(one => one.isOwn)) {
		throw new UsageError(
			`${folders.named} has no case; name a folder of .ts, .mts, .js or .mjs files that call pmuTest or vmTest`,
		);
	}
	return { declarations: collector.declarations, files };
}
