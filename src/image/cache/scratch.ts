import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { LockBusyError } from '../../lib/files/lock.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { removeForeign } from '../sandbox/foreign.ts';
import { lockFile } from './lock.ts';

/** Where unfinished work is, and the lock of whoever works there, which has the same name. */
const placesOf = (root: string, name: string) => ({
	folder: path.join(root, 'tmp', name),
	lock: path.join(root, 'locks', `${name}.lock`),
});

/**
 * Runs `work` with a new folder in the cache, and removes it. If this process is killed, the next vpmu removes it.
 *
 * @param name describes the work in the folder's name
 */
export async function withScratch<T>(
	{ root, signal }: { readonly root: string; readonly signal: AbortSignal | undefined },
	name: string,
	work: (folder: string) => Promise<T>,
): Promise<T> {
	const { folder, lock } = placesOf(root, `${name}@${randomBytes(6).toString('hex')}`);
	await using _ = await lockFile(lock, { signal });
	try {
		await makeFolder(folder);
		return await work(folder);
	} finally {
		await removeForeign(folder);
		// Still locked: nobody else takes a lock of this name.
		await rm(lock, { force: true });
	}
}

/**
 * Removes unfinished work whose process no longer exists. The kernel releases a lock with its process, so that whatever is not
 * locked is not in use. What has no lock, as from older versions, is left to {@link removeOld}.
 *
 * @param onFound called once, before the first is removed
 */
export async function removeAbandoned(root: string, signal: AbortSignal | undefined, onFound: () => void) {
	let isSaid = false;
	for (const name of await readdir(path.join(root, 'tmp'))) {
		const { folder, lock } = placesOf(root, name);
		if (!existsSync(lock)) continue;
		try {
			await using _ = await lockFile(lock, { signal, wait: false });
			// Its owner may have finished meanwhile.
			if (!existsSync(folder)) continue;
			if (!isSaid) onFound();
			isSaid = true;
			await removeForeign(folder);
			if (name.includes('@')) await rm(lock, { force: true });
		} catch (error) {
			if (!(error instanceof LockBusyError)) throw error;
		}
	}
}

/** Removes unfinished work that is older than an hour and than `before`, a time in ms since 1970. */
export async function removeOld(root: string, before: number): Promise<void> {
	for (const name of await readdir(path.join(root, 'tmp'))) {
		const { folder, lock } = placesOf(root, name);
		const stats = await lstat(folder).catch(() => undefined);
		if (stats === undefined || existsSync(lock)) continue;
		if (stats.ctimeMs <= Math.min(before, Date.now() - 60 * 60 * 1000)) await removeForeign(folder);
	}
}
