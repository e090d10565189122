import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

const temporary = (file: string) => `${file}.${process.pid}.partial`;

/**
 * Writes a file whole or not at all, whatever ends this process or the machine: what takes the file's name has been on
 * the disk before. Without that a machine that loses power may come back with a file of 0 bytes.
 *
 * @throws the system's error; the file is as it was then
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
		throw error;
	}
}

/** As {@link writeWhole}, at once: for who ends right after. */
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
		throw error;
	}
}

/** Waits until what a file holds is on the disk. @throws the system's error */
export async function syncFile(file: string): Promise<void> {
	await using handle = await open(file, 'r');
	await handle.sync();
}
