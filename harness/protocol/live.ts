import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';

/** The socket in a cell's folder on which its guest offers terminals while it runs. */
const socketName = 'terminal';

/**
 * Returns a path for a cell's socket however long the path of its folder is: a socket's path may have 107 characters
 * (unix(7)). Valid while the folder is open.
 */
export async function openSocketFolder(cellFolder: string): Promise<{ folder: FileHandle; socket: string }> {
	const folder = await open(cellFolder);
	return { folder, socket: `/proc/self/fd/${folder.fd}/${socketName}` };
}

/** Returns the folders of a run's cells whose guests offer terminals now, or did when they were killed; sorted. */
export async function liveCells(runFolder: string): Promise<string[]> {
	const cells = path.join(runFolder, 'cells');
	const filesOf = (folder: string) => readdir(folder).catch((): string[] => []);
	const names = await filesOf(cells);
	const found = await Promise.all(
		names.map(async name => ((await filesOf(path.join(cells, name))).includes(socketName) ? [name] : [])),
	);
	return found.flat().sort();
}
