import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { VpmuError } from '../../src/lib/index.ts';
import { casesFolder, codeExtension } from '../usage/places.ts';
import type { CaseDeclaration } from './plan.ts';

/** Where `pmuTest` leaves a declaration while case files are only being read; set before the first one is imported. */
export interface Collector {
	case: string;
	readonly declarations: CaseDeclaration[];
}

export const collectorKey = Symbol.for('vpmu.collector');

/** The case file of a name, such as `pmu/default-counts`. */
export function caseFile(name: string): string {
	return path.join(casesFolder, `${name}${codeExtension}`);
}

/** A case's name by its file. */
export function caseName(file: string): string {
	return path
		.relative(casesFolder, file)
		.replaceAll(path.sep, '/')
		.replace(/\.[jt]s$/, '');
}

/**
 * Imports every case file and returns what they declare, in the order of their names; no case is run.
 * @throws VpmuError when a file cannot be imported, naming it
 */
export function collectCases(): Promise<readonly CaseDeclaration[]> {
	// A file declares its cases when it is first imported, and never again in this process.
	collected ??= collect();
	return collected;
}

let collected: Promise<readonly CaseDeclaration[]> | undefined;

async function collect(): Promise<readonly CaseDeclaration[]> {
	const collector: Collector = { case: '', declarations: [] };
	(globalThis as { [collectorKey]?: Collector })[collectorKey] = collector;
	const files = readdirSync(casesFolder, { recursive: true, encoding: 'utf8' })
		.filter(name => /(?<!\.d)\.[jt]s$/.test(name))
		.sort();
	for (const file of files) {
		collector.case = caseName(path.join(casesFolder, file));
		try {
			await import(pathToFileURL(path.join(casesFolder, file)).href);
		} catch (error) {
			throw new VpmuError(`case file 'cases/${file}' cannot be imported`, {
				blame: 'harness',
				evidence: String((error as Error).stack).split('\n'),
				cause: error,
			});
		}
	}
	return collector.declarations;
}
