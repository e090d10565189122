import { pathToFileURL } from 'node:url';
import { VpmuError } from '../../src/lib/index.ts';
import { type CaseFile, type CaseFolders, caseFiles } from './case-files.ts';
import { registerCaseLoader } from './loader.ts';
import type { CaseDeclaration } from './plan.ts';

/** Where `pmuTest` leaves a declaration while case files are only being read; set before the first one is imported. */
export interface Collector {
	case: string;
	isOwn: boolean;
	readonly declarations: CaseDeclaration[];
}

export const collectorKey = Symbol.for('vpmu.collector');

/** What there is to run. */
export interface CollectedCases {
	/** In the order of the cases' names. */
	readonly declarations: readonly CaseDeclaration[];
	/** By the cases' names. */
	readonly files: ReadonlyMap<string, CaseFile>;
}

/**
 * Imports every case file of the folders and returns what they declare; no case is run.
 * @throws VpmuError when a file cannot be imported, naming it; UsageError for a name that two files have
 */
export function collectCases(folders: CaseFolders): Promise<CollectedCases> {
	// A file declares its cases when it is first imported, and never again in this process.
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
	return { declarations: collector.declarations, files };
}
