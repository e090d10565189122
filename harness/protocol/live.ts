import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';

/** The socket in a cell's folder at which its guest gives terminals, while it runs. */
const socketName = 'terminal';

/**
 * The path of a cell's socket, however long its folder's is: a socket's own may have 107 characters (unix(7)). Good as
 * long as the folder is open.
 */
export async function openSocketFolder(cellFolder: string): Promise<{ folder: FileHandle; socket: string }> {
	const folder = await open(cellFolder);
	return { folder, socket: `/proc/self/fd/${folder.fd}/${socketName}` };
}

/** Folders of the cells of a run whose guests give terminals now, or did when they were killed; sorted. */
export async function liveCells(runFolder: string): Promise<string[]> {
	const cells = path.join(runFolder, 'cells');
	const filesOf = (folder: string) => readdir(folder).catch((): string[] => []);
	const names = await filesOf(cells);
	const found = await Promise.all(
		names.map(async name => ((await filesOf(path.join(cells, name))).includes(socketName) ? [name] : [])),
	);
	return found.flat().sort();
}
