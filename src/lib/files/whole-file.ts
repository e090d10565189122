import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

const temporary = (file: string) => `${file}.${process.pid}.partial`;

/** Makes a system error name the file that was asked for, not the temporary one beside it. */
function naming(error: unknown, file: string): unknown {
	if (!(error instanceof Error)) return error;
	error.message = error.message.replaceAll(temporary(file), file);
	if ((error as NodeJS.ErrnoException).path === temporary(file)) (error as NodeJS.ErrnoException).path = file;
	return error;
}

/**
 * Writes a file atomically, even if this process or the machine is killed. The data is synced to disk before the rename.
 * Otherwise the file could have 0 bytes after a power failure.
 *
 * @throws the system's error; the old file is then unchanged
 */
export async function writeWhole(file: string, text: string, { mode = 0o666 } = {}): Promise<void> {
	const partial = temporary(file);
	try {
		{
			await using handle = await open(partial, 'w', mode);
			await handle.writeFile(text);
			await handle.sync();
		}
		await rename(partial, file);
	} catch (error) {
		await rm(partial, { force: true }).catch(() => undefined);
		throw naming(error, file);
	}
}

/** As {@link writeWhole}, but synchronous: for a process that is about to exit. */
export function writeWholeSync(file: string, text: string): void {
	const partial = temporary(file);
	try {
		const descriptor = openSync(partial, 'w');
		try {
			writeFileSync(descriptor, text);
			fsyncSync(descriptor);
		} finally {
			closeSync(descriptor);
		}
		renameSync(partial, file);
	} catch (error) {
		rmSync(partial, { force: true });
		throw naming(error, file);
	}
}

/** Waits until a file's data is on disk. @throws the system's error */
export async function syncFile(file: string): Promise<void> {
	await using handle = await open(file, 'r');
	await handle.sync();
}
