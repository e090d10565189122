import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

interface FolderOptions {
	/** Access bits of the folders that are made; default 0o777, less the umask. */
	readonly mode?: number | undefined;
}

/*
 * Node's own `recursive: true` never returns where a file system answers ENOENT although the parent exists, such as in /proc: it
 * makes the parent, which exists, and tries again.
 */

/**
 * Makes a folder and its missing parents. An existing folder is kept as it is.
 * @throws the system's error; code EACCES where the file system takes no folders
 */
export async function makeFolder(folder: string, { mode }: FolderOptions = {}): Promise<void> {
	try {
		await mkdir(folder, { mode });
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
		if (code !== 'ENOENT') throw notAFolder(error, folder);
		const parent = path.dirname(folder);
		const parentStats = await stat(parent).catch(() => undefined);
		if (parentStats !== undefined || parent === folder) throw refused(folder, error);
		await makeFolder(parent, { mode });
		await makeFolder(folder, { mode });
	}
}

/** As {@link makeFolder}, but synchronous. */
export function makeFolderSync(folder: string, { mode }: FolderOptions = {}): void {
	try {
		mkdirSync(folder, { mode });
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
		if (code !== 'ENOENT') throw notAFolder(error, folder);
		const parent = path.dirname(folder);
		if (statSync(parent, { throwIfNoEntry: false }) !== undefined || parent === folder) throw refused(folder, error);
		makeFolderSync(parent, { mode });
		makeFolderSync(folder, { mode });
	}
}

function refused(folder: string, cause: unknown): Error {
	return Object.assign(new Error(`EACCES: no folder can be made here, mkdir '${folder}'`, { cause }), {
		code: 'EACCES',
		syscall: 'mkdir',
		path: folder,
	});
}

/** EEXIST would suggest that all is well. */
function notAFolder(error: unknown, folder: string): unknown {
	if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return error;
	return Object.assign(new Error(`ENOTDIR: not a folder, mkdir '${folder}'`, { cause: error }), {
		code: 'ENOTDIR',
		syscall: 'mkdir',
		path: folder,
	});
}
