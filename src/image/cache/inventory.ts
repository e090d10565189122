import { lstatSync, readdirSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Cache } from './cache.ts';
import { readRecord, recordFile } from './identity.ts';
import { type CacheKind, cacheKinds } from './kinds.ts';
import { removeOld } from './scratch.ts';

/** One cache entry. */
export interface CacheItem {
	readonly kind: CacheKind;
	readonly name: string;
	readonly path: string;
	/** Description; the name if there is none. */
	readonly label: string;
	/** Size on disk. A file that two entries share counts for both. */
	readonly sizeBytes: number;
	readonly madeAt: Date;
	readonly usedAt: Date;
	/** Entries that this one was made from, as `KIND/NAME`. */
	readonly uses: readonly string[];
	/** Entries that were made from this one. */
	readonly usedBy: readonly string[];
}

/** Files in a kind's folder that are not entries: indexes and the chosen versions. */
const internal = new Set(['apt', 'own', 'pins']);

/** Lists all cache entries by kind and name. */
export async function listCache(cache: Cache): Promise<CacheItem[]> {
	const items: Omit<CacheItem, 'usedBy'>[] = [];
	for (const kind of cacheKinds) {
		for (const name of (await readdir(cache.folder(kind))).sort()) {
			if (internal.has(name) || name.endsWith('.json')) continue;
			const kept = path.join(cache.folder(kind), name);
			const made = await stat(kept).catch(() => undefined);
			if (made === undefined) continue;
			const found = await readRecord(kept);
			const record = found.state === 'ok' ? found.value : {};
			const used = await stat(recordFile(kept)).catch(() => made);
			items.push({
				kind,
				name,
				path: kept,
				label: record.label ?? name,
				sizeBytes: await diskUsage(kept, new Set()),
				// A package's folder has the time recorded in its archive.
				madeAt: made.birthtimeMs > 0 ? made.birthtime : made.ctime,
				usedAt: used.mtime,
				uses: record.uses ?? [],
			});
		}
	}
	const users = new Map<string, string[]>();
	for (const item of items) {
		for (const used of item.uses) users.set(used, [...(users.get(used) ?? []), `${item.kind}/${item.name}`]);
	}
	return items.map(item => ({ ...item, usedBy: users.get(`${item.kind}/${item.name}`) ?? [] }));
}

/** Size of the whole cache on disk; hard-linked files count once. */
export async function cacheSize(cache: Cache): Promise<number> {
	return await diskUsage(cache.root, new Set());
}

export interface PruneOptions {
	/** Remove only entries that have been unused for this long. */
	readonly unusedForMs: number;
	/** Kinds to prune; snapshots belong to `vpmu board prune`. */
	readonly kinds?: readonly CacheKind[];
	/** Only report what would be removed. */
	readonly dryRun?: boolean;
}

/**
 * Removes entries that were not used for a while, and leftovers of interrupted builds. Keeps whatever a kept entry was made
 * from, so that the entry can be made again without a network.
 *
 * @returns what was removed (or would be removed)
 * @throws VpmuError (blame `host`)
 */
export async function pruneCache(cache: Cache, options: PruneOptions): Promise<CacheItem[]> {
	const kinds = options.kinds ?? cacheKinds.filter(kind => kind !== 'snapshots');
	const before = Date.now() - options.unusedForMs;
	const items = await listCache(cache);
	const going = new Set(items.filter(item => kinds.includes(item.kind) && item.usedAt.getTime() <= before));
	// Keep the inputs of each kept entry, recursively.
	const byName = new Map(items.map(item => [`${item.kind}/${item.name}`, item]));
	const keep = (item: CacheItem) => {
		for (const used of item.uses) {
			const other = byName.get(used);
			if (other !== undefined && going.delete(other)) keep(other);
		}
	};
	for (const item of items) if (!going.has(item)) keep(item);
	if (options.dryRun === true) return [...going];
	for (const item of going) {
		await cache.exclusively(`${item.kind}/${item.name}`, async () => {
			// Rename it first, which is atomic; the slow removal follows.
			const doomed = path.join(cache.root, 'tmp', `${item.kind}+${item.name}`);
			await rm(doomed, { recursive: true, force: true });
			await rename(item.path, doomed);
			await rm(recordFile(item.path), { force: true });
			await rm(doomed, { recursive: true, force: true });
		});
	}
	await removeOld(cache.root, before);
	return [...going];
}

/**
 * Adds up what a file or folder takes on disk, without the files in `seen`, which it extends. Its calls are synchronous, which
 * takes a sixth of the time: a cache with build roots has 500,000 files.
 */
async function diskUsage(file: string, seen: Set<number>): Promise<number> {
	let size = 0;
	const queue = [file];
	for (let at = queue.pop(), looks = 1; at !== undefined; at = queue.pop(), looks++) {
		// Signals are handled in between.
		if (looks % 2000 === 0) await setImmediate();
		try {
			const stats = lstatSync(at);
			if (seen.has(stats.ino)) continue;
			seen.add(stats.ino);
			size += stats.blocks * 512;
			if (stats.isDirectory()) for (const name of readdirSync(at)) queue.push(path.join(at, name));
		} catch {
			// Another process has removed it, or keeps it for itself.
		}
	}
	return size;
}
