import path from 'node:path';

/** Folder of a cell's artifacts, relative to the run folder: the cell's id with what file names cannot bear replaced. */
export function cellFolder(id: string): string {
	return path.posix.join('cells', id.replaceAll(/[^\w.=+-]+/g, '_').slice(0, 180));
}

/** Where the artifacts of an earlier attempt (from 1) of a cell stand, when a later one has taken the cell's folder. */
export function attemptFolder(id: string, attempt: number): string {
	return path.posix.join(cellFolder(id), `attempt-${attempt}`);
}
