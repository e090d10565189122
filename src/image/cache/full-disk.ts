import { statfs } from 'node:fs/promises';
import { VpmuError } from '../../lib/errors.ts';
import { eitherSignal } from '../../lib/waiting/either-signal.ts';

/** A disk with less free space than this counts as full. */
const leastBytes = 64 * 1024;
const everyMs = 5000;
/** Looks in a row that must find the disk full: a program may free space again at once. */
const looks = 3;

/** How much a disk has left, in bytes. */
export type FreeSpace = (folder: string) => Promise<number>;

const freeSpace: FreeSpace = async folder => {
	const { bavail, bsize } = await statfs(folder);
	return bavail * bsize;
};

/**
 * Does something that writes to a folder, and aborts it once the folder's disk has been full at three looks in a row: with a full
 * disk 'apt-get update' (2.6) may wait for its own downloads forever.
 *
 * @throws VpmuError (blame `host`) if the disk is full; as `work`
 */
export async function whileRoom<T>(
	folder: string,
	signal: AbortSignal | undefined,
	work: (signal: AbortSignal) => Promise<T>,
	{ free = freeSpace, intervalMs = everyMs }: { readonly free?: FreeSpace; readonly intervalMs?: number } = {},
): Promise<T> {
	const full = new AbortController();
	using either = eitherSignal(signal, full.signal);
	let seen = 0;
	const timer = setInterval(async () => {
		const left = await free(folder).catch(() => leastBytes);
		seen = left < leastBytes ? seen + 1 : 0;
		if (seen < looks) return;
		full.abort(
			new VpmuError(`the disk is full: '${folder}' cannot be written (VPMU_CACHE names another folder)`, {
				blame: 'host',
			}),
		);
	}, intervalMs);
	try {
		return await work(either.signal);
	} finally {
		clearInterval(timer);
	}
}
