import { constants } from 'node:fs';
import { type FileHandle, lstat, open, writeFile } from 'node:fs/promises';
import { VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { requireTool, runTool } from '../cache/tool.ts';

/**
 * Opens a regular file below a folder that foreign code wrote in: no component may be a link, and a FIFO or a device is never
 * waited for. Each folder is opened by its parent's descriptor, so that exchanging one in between changes nothing.
 *
 * @param folder a folder of our own
 * @param name relative to it
 * @throws VpmuError (blame `user`) for what is not a regular file, or larger than `maxBytes`; the system's error for what is
 * missing
 */
export async function openForeign(folder: string, name: string, maxBytes: number): Promise<FileHandle> {
	const parts = name.split('/');
	if (parts.some(part => part === '' || part === '.' || part === '..')) {
		throw new VpmuError(`'${name}' is not a plain path below a folder`, { blame: 'user' });
	}
	const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
	let at = await open(folder, flags | constants.O_DIRECTORY);
	try {
		for (const [index, part] of parts.entries()) {
			const isLast = index === parts.length - 1;
			const next = await open(`/proc/self/fd/${at.fd}/${part}`, isLast ? flags : flags | constants.O_DIRECTORY).catch(
				error => {
					if (error.code === 'ELOOP' || error.code === 'ENOTDIR' || error.code === 'ENXIO') throw notRegular(name);
					throw error;
				},
			);
			await at.close();
			at = next;
		}
		const stats = await at.stat();
		if (!stats.isFile()) throw notRegular(name);
		if (stats.size > maxBytes) {
			throw new VpmuError(`'${name}' has ${stats.size} bytes; allowed: ${maxBytes}`, { blame: 'user' });
		}
		return at;
	} catch (error) {
		await at.close().catch(() => undefined);
		throw error;
	}
}

const notRegular = (name: string) => new VpmuError(`'${name}' is not a regular file`, { blame: 'user' });

/** Reads what {@link openForeign} opens. A file that grows meanwhile is read up to `maxBytes`. */
export async function readForeign(folder: string, name: string, maxBytes: number): Promise<Buffer> {
	await using file = await openForeign(folder, name, maxBytes);
	const { size } = await file.stat();
	const buffer = Buffer.alloc(Math.min(size, maxBytes));
	let filled = 0;
	while (filled < buffer.length) {
		const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
		if (bytesRead === 0) break;
		filled += bytesRead;
	}
	return buffer.subarray(0, filled);
}

/** Copies what {@link openForeign} opens, with a mode of our own. */
export async function copyForeign(
	folder: string,
	name: string,
	to: string,
	{ maxBytes, mode }: { readonly maxBytes: number; readonly mode: number },
): Promise<void> {
	await writeFile(to, await readForeign(folder, name, maxBytes), { mode, flag: 'wx' });
}

/**
 * Removes a folder that foreign code wrote in, whatever modes it left and however deep it is: chmod and rm go down by
 * descriptors, where a path would become too long. Neither follows links below the folder.
 */
export async function removeForeign(folder: string): Promise<void> {
	const stats = await lstat(folder).catch(() => undefined);
	if (stats === undefined) return;
	// Folders without modes are read only after a first pass has opened those above them.
	if (stats.isDirectory() && process.getuid?.() !== 0) {
		await runTool(['find', folder, '-type', 'd', '!', '-perm', '-700', '-exec', 'chmod', 'u+rwx', '{}', ';']);
		await runTool(['chmod', '--recursive', 'u+rwX', folder]);
	}
	await requireTool(['rm', '--recursive', '--force', '--', folder]);
}

/** Makes an empty folder in place of whatever stands there. */
export async function freshFolder(folder: string): Promise<void> {
	await removeForeign(folder);
	await makeFolder(folder, { mode: 0o700 });
}
