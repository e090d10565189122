import { statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../../src/lib/index.ts';

/** Returns the path of a run folder named on the command line. @throws UsageError if no such folder exists */
export function runFolder(given: string, cwd: string): string {
	const folder = path.resolve(cwd, given);
	let isFolder: boolean;
	try {
		isFolder = statSync(folder).isDirectory();
	} catch (cause) {
		// Missing, a loop of links, or a part of the path that is not a folder.
		throw new UsageError(`there is no run folder '${given}'`, { cause });
	}
	if (!isFolder) throw new UsageError(`'${given}' is a file; expected the folder of a run`);
	return folder;
}
