import path from 'node:path';

/**
 * Returns the folder of a cell's artifacts, relative to the run folder: the cell's id, without characters that file names
 * must not have.
 */
export function cellFolder(id: string): string {
	return path.posix.join('cells', id.replaceAll(/[^\w.=+-]+/g, '_').slice(0, 180));
}

/**
 * Returns the folder of the artifacts of an earlier attempt (counted from 1), after a later attempt has taken the cell's
 * folder.
 */
export function attemptFolder(id: string, attempt: number): string {
	return path.posix.join(cellFolder(id), `attempt-${attempt}`);
}
