import { createHash } from 'node:crypto';
import { createReadStream, lstatSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { messageOf, VpmuError } from '../../lib/errors.ts';
import { readStored, type Shape, type Stored } from '../../lib/files/stored.ts';
import { entriesBelow } from '../../lib/files/walk.ts';
import { syncFile } from '../../lib/files/whole-file.ts';
import type { CacheKind, CacheRecord } from './kinds.ts';
import { runTool } from './tool.ts';

/** Kinds whose files are small enough to be verified completely before use. */
const hashedKinds: readonly CacheKind[] = ['images', 'kernels'];

const size = v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0)));

/** Common members of every record. Readers of a kind check its further members. */
export const recordShape: Shape<CacheRecord> = v.looseObject({
	...{ label: v.exactOptional(v.string()), uses: v.exactOptional(v.array(v.string())) },
	...{ sizeBytes: size, entries: size, sha256: v.exactOptional(v.string()) },
});

/** The record file next to a cache entry. Its modification time says when the entry was last used. */
export function recordFile(kept: string): string {
	return `${kept}.json`;
}

/** Reads the record of a cache entry. */
export async function readRecord(kept: string): Promise<Stored<CacheRecord>> {
	return await readStored(recordFile(kept), recordShape);
}

/** Computes what later identifies a cache entry as unchanged. */
export async function identityOf(kept: string, kind: CacheKind): Promise<CacheRecord> {
	const stats = await stat(kept);
	if (stats.isDirectory()) return folderIdentity(kept);
	if (!stats.isFile()) return {};
	return { sizeBytes: stats.size, ...(hashedKinds.includes(kind) ? { sha256: await hashOf(kept) } : {}) };
}

/** Counts a folder's files, folders and links, and the bytes of its files. In one pass: a build root has 30,000 files. */
function folderIdentity(folder: string): { entries: number; sizeBytes: number } {
	let sizeBytes = 0;
	const entries = entriesBelow(folder);
	for (const entry of entries) {
		if (entry.isFile()) sizeBytes += lstatSync(path.join(entry.parentPath, entry.name)).size;
	}
	return { entries: entries.length, sizeBytes };
}

/**
 * Quickly checks a cache entry and describes any damage; `undefined` if there is none, or no entry. After a power loss
 * any file may be empty, and users delete files.
 */
export async function damageOf(kept: string): Promise<string | undefined> {
	const stats = await stat(kept).catch(() => undefined);
	if (stats === undefined) return undefined;
	const record = await readRecord(kept);
	if (record.state === 'missing') return 'its record is gone';
	if (record.state === 'damaged') return `its record ${record.problem}`;
	const { sizeBytes, entries, label } = record.value;
	// Earlier versions did not record a folder's size.
	if (stats.isDirectory() && entries === undefined && label !== undefined) return undefined;
	if (sizeBytes === undefined) return 'its record has no size';
	const found = stats.isDirectory() ? folderIdentity(kept) : { sizeBytes: stats.size, entries: undefined };
	if (found.entries !== entries) return `${found.entries ?? 'no'} files, but ${entries ?? 'no'} were written`;
	return found.sizeBytes === sizeBytes ? undefined : `${found.sizeBytes} bytes, but ${sizeBytes} were written`;
}

/** Flushes an entry to disk before it gets its final name. @throws the system's error */
export async function settle(made: string): Promise<void> {
	// Sync the whole file system with one call (syncfs(2)): syncing each file would wait for the journal each time.
	if ((await stat(made)).isDirectory()) await runTool(['sync', '-f', made]);
	else await syncFile(made);
}

/** Read in pieces: a kernel or QEMU binary is as large as all of vpmu. */
async function hashOf(file: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const piece of createReadStream(file, { highWaterMark: 1 << 18 })) hash.update(piece as Buffer);
	return hash.digest('hex');
}

/**
 * Returns the SHA-256 of a file (hexadecimal). A cached file that no longer matches its record is removed, so that it is made
 * again at the next request.
 * @throws VpmuError (blame `image`) if it was damaged, (blame `host`) if it cannot be read
 */
export async function verifiedHash(file: string): Promise<string> {
	let hash: string;
	try {
		hash = await hashOf(file);
	} catch (cause) {
		throw new VpmuError(`cannot read '${file}': ${messageOf(cause)}`, { blame: 'host', cause });
	}
	const record = await readRecord(file);
	if (record.state !== 'ok') return hash;
	// Image records contain their hash.
	const sha256 = record.value.sha256 ?? record.value.hash;
	if (typeof sha256 !== 'string' || sha256 === hash) return hash;
	await rm(file, { force: true });
	throw new VpmuError(`'${file}' of the cache was damaged and has been removed: run again, and it will be made again`, {
		blame: 'image',
		evidence: [`SHA-256 is ${hash}`, `SHA-256 was ${sha256} when it was made`],
	});
}

/** For `keep`: describes damage of a cached JSON file. @param at path of the file, relative to the entry */
export function damageOfJson<T>(shape: Shape<T>, at: (kept: string) => string = kept => kept) {
	return async (kept: string): Promise<string | undefined> => {
		const found = await readStored(at(kept), shape);
		if (found.state === 'ok') return undefined;
		return `${path.basename(at(kept))} ${found.state === 'missing' ? 'is missing' : found.problem}`;
	};
}

/** Reads a cached JSON file that `keep` has checked. @throws VpmuError (blame `image`) when it is damaged */
export async function readKept<T>(file: string, shape: Shape<T>): Promise<T> {
	const found = await readStored(file, shape);
	if (found.state === 'ok') return found.value;
	const problem = found.state === 'missing' ? 'is gone' : found.problem;
	throw new VpmuError(`'${file}' of the cache ${problem}: run again, and it will be made again`, { blame: 'image' });
}
