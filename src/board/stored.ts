import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Cache } from '../image/index.ts';

/** A snapshot in the cache. */
export interface StoredSnapshot {
	readonly name: string;
	readonly label: string;
	readonly topology: string;
	/** Its size on disk; the file is sparse. */
	readonly diskBytes: number;
	/** When it was last used. */
	readonly usedAt: Date;
}

/** Lists the board snapshots in a cache. */
export async function listSnapshots(cache: Cache): Promise<StoredSnapshot[]> {
	const folder = cache.folder('snapshots');
	const names = (await readdir(folder)).filter(name => name.startsWith('board-') && !name.endsWith('.json')).sort();
	return await Promise.all(
		names.map(async name => {
			const record = await cache.record('snapshots', name).catch(() => ({}) as Record<string, unknown>);
			const file = path.join(folder, name);
			const { blocks } = await stat(file);
			const { mtime } = await stat(`${file}.json`).catch(() => stat(file));
			const label = String(record.label ?? name);
			return { name, label, topology: String(record.topology ?? ''), diskBytes: blocks * 512, usedAt: mtime };
		}),
	);
}

/** Removes snapshots. Running boards no longer need them, and missing ones are taken again on demand. */
export async function removeSnapshots(cache: Cache, snapshots: readonly StoredSnapshot[]): Promise<void> {
	for (const { name } of snapshots) {
		const file = path.join(cache.folder('snapshots'), name);
		await rm(file, { force: true });
		await rm(`${file}.json`, { force: true });
	}
}
