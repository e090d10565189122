import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { entriesBelow } from '../../src/lib/index.ts';
import { htmlOf, junitOf } from '../../src/report/index.ts';
import { artifactsIn, type CellResult, cellFolder, type Results, type RunFolder } from '../../src/run/index.ts';

/** A name that sorts by time and is unique: `2026-11-22T15-20-33Z-3fa9`. */
export function newRunId(): string {
	return `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}Z-${randomBytes(2).toString('hex')}`;
}

/**
 * Writes the results of a run and every report that a run folder has. Never throws: see `problem` of the folder.
 *
 * @param shown the folder as the user names it
 */
export function writeReports(folder: RunFolder, results: Results, shown: string): void {
	folder.write('results.json', `${JSON.stringify(results, null, 2)}\n`);
	folder.write('junit.xml', junitOf(results, shown));
	folder.write('report.html', htmlOf(results, { folder: shown, artifacts: artifactsIn(folder.path) }));
}

/** Every file in the folder of a cell, whoever wrote it; those of earlier attempts belong to these. */
export function artifactsOf(runFolder: string, { id, artifacts }: CellResult): CellResult['artifacts'] {
	const folder = path.join(runFolder, cellFolder(id));
	if (!existsSync(folder)) return artifacts;
	const names = entriesBelow(folder)
		.filter(entry => entry.isFile())
		.map(entry => path.relative(folder, path.join(entry.parentPath, entry.name)))
		.filter(name => !/^attempt-\d+\//.test(name))
		.sort();
	return { ...artifacts, ...Object.fromEntries(names.map(name => [name, path.posix.join(cellFolder(id), name)])) };
}
