import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../../src/lib/index.ts';

/**
 * Returns the path of a run folder named on the command line.
 *
 * @throws UsageError if no such folder exists, or it is that of a series, which has a run for each side
 */
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
	const sides = ['before', 'after'].filter(side => isRun(path.join(folder, side)));
	if (sides.length > 0 && !isRun(folder)) {
		const runs = sides.map(side => `'${path.join(given, side)}'`).join(' or ');
		throw new UsageError(`'${given}' is the folder of a series; name a run in it: ${runs}`);
	}
	return folder;
}

const isRun = (folder: string) => ['results.json', 'events.ndjson'].some(name => existsSync(path.join(folder, name)));
