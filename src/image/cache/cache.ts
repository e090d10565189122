import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { messageOf, UsageError, VpmuError } from '../../lib/errors.ts';
import { lockFile } from './lock.ts';
import type { OnProgress } from './progress.ts';

/** What the cache holds, by folder. */
export const cacheKinds = [
	'packages',
	'roots',
	'kernels',
	'images',
	'snapshots',
	'inspections',
	'calibrations',
] as const;
export type CacheKind = (typeof cacheKinds)[number];

/** What is written beside each thing in the cache. */
export interface CacheRecord {
	/** In words, for `vpmu image list`. */
	readonly label?: string;
	/** Things in the cache that this one was made from, as `KIND/NAME`. */
	readonly uses?: readonly string[];
	readonly [key: string]: unknown;
}

export interface CacheOptions {
	/** Where `VPMU_CACHE`, `XDG_CACHE_HOME` and `HOME` are read from; `process.env` by default. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly onProgress?: OnProgress | undefined;
	/** Ends every wait and every tool of this cache's work. */
	readonly signal?: AbortSignal | undefined;
	/** Wait for another process that works on the same thing (default), instead of failing with its name. */
	readonly wait?: boolean;
	/** Look for newer packages instead of taking those resolved before. */
	readonly refresh?: boolean;
}

/** A folder of things that can be made again: made once, whole or not at all, by whichever process comes first. */
export interface Cache {
	readonly root: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal: AbortSignal | undefined;
	readonly refresh: boolean;
	readonly progress: OnProgress;
	/** Suites and the like that were refreshed already by this object. */
	readonly refreshed: Set<string>;
	folder(kind: CacheKind): string;
	/**
	 * The path of a thing in the cache, made by `make` if it is not there. `make` writes a file or a folder at the path
	 * that it is given, under a lock that the kernel releases when this process dies; only when it has returned does the
	 * thing get its name, so that nobody ever sees half of it.
	 * @throws VpmuError (blame `host`) when the disk is full or not writable; LockBusyError where this cache does not wait;
	 *   whatever `make` throws
	 */
	keep(
		kind: CacheKind,
		name: string,
		make: (temporaryPath: string) => Promise<CacheRecord | undefined>,
	): Promise<string>;
	/** What was written beside a thing of the cache. @throws VpmuError when it is not there */
	record(kind: CacheKind, name: string): Promise<CacheRecord>;
	/** Runs `work` while no other process runs work of that name. @throws as {@link Cache.keep} */
	exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** The cache's folder: `VPMU_CACHE`, or `vpmu` in `XDG_CACHE_HOME`, or `~/.cache/vpmu`. @throws UsageError for a relative path */
export function cacheRoot(env: Readonly<Record<string, string | undefined>>): string {
	if (env.VPMU_CACHE) {
		if (!path.isAbsolute(env.VPMU_CACHE)) {
			throw new UsageError(`VPMU_CACHE is '${env.VPMU_CACHE}', but must be an absolute path`);
		}
		return path.normalize(env.VPMU_CACHE);
	}
	// The XDG Base Directory Specification says to ignore relative paths.
	if (env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME)) return path.join(env.XDG_CACHE_HOME, 'vpmu');
	return path.join(env.HOME || os.homedir(), '.cache', 'vpmu');
}

/**
 * Opens the cache, making its folders. Nothing needs to be closed.
 * @throws UsageError for a bad `VPMU_CACHE`; VpmuError (blame `host`) when the folder cannot be made
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
	const env = options.env ?? process.env;
	const root = cacheRoot(env);
	let last = '';
	const progress: OnProgress = item => {
		// Tools repeat themselves.
		const text = JSON.stringify(item);
		if (text !== last) options.onProgress?.(item);
		last = text;
	};
	const { signal } = options;
	const folder = (kind: CacheKind) => path.join(root, kind);
	const temporary = path.join(root, 'tmp');
	const locks = path.join(root, 'locks');
	await naming(root, async () => {
		for (const made of [...cacheKinds.map(folder), temporary, locks]) await mkdir(made, { recursive: true });
	});

	const alone: Cache['exclusively'] = async (name, work) => {
		await using _ = await lockFile(path.join(locks, `${fileName(name)}.lock`), {
			signal,
			wait: options.wait ?? true,
			onWait: holder => {
				const who = holder === null ? 'another vpmu' : `process ${holder.pid} (${holder.command})`;
				progress({ notice: `Waiting for ${who}, which works on ${name}` });
			},
		});
		return await naming(root, work);
	};
	// The lock is between processes: within this one, who comes later waits for who came before, and not for a stranger.
	const turns = new Map<string, Promise<unknown>>();
	const exclusively: Cache['exclusively'] = (name, work) => {
		const before = turns.get(name) ?? Promise.resolve();
		const turn = before.then(
			() => alone(name, work),
			() => alone(name, work),
		);
		turns.set(name, turn);
		return turn;
	};

	const keep: Cache['keep'] = async (kind, name, make) => {
		const kept = path.join(folder(kind), name);
		const isThere = async () => {
			const damage = await damageOf(kept);
			if (damage === undefined) return await touch(kept);
			progress({ notice: `${kind}/${name} of the cache is damaged (${damage}) and is made again` });
			return false;
		};
		if (await isThere()) return kept;
		return await exclusively(`${kind}/${name}`, async () => {
			if (await isThere()) return kept;
			await rm(kept, { recursive: true, force: true });
			const unfinished = path.join(temporary, fileName(`${kind}/${name}`));
			await rm(unfinished, { recursive: true, force: true });
			try {
				const record = { ...(await make(unfinished)), ...(await identityOf(unfinished, kind)) };
				await writeFile(`${unfinished}.json`, `${JSON.stringify(record, null, ' ')}\n`);
				await rename(`${unfinished}.json`, recordFile(kept));
				await rename(unfinished, kept);
			} catch (error) {
				await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
				throw error;
			}
			return kept;
		});
	};

	return {
		root,
		env,
		signal,
		refresh: options.refresh ?? false,
		progress,
		refreshed: new Set(),
		folder,
		keep,
		exclusively,
		async record(kind, name) {
			return await naming(root, async () =>
				JSON.parse(await readFile(recordFile(path.join(folder(kind), name)), 'utf8')),
			);
		},
	};
}

/** Kinds whose files are small enough to be read whole before they are used. */
const hashedKinds: readonly CacheKind[] = ['images', 'kernels'];

/** What tells later that a file of the cache is still the one that was made. */
async function identityOf(file: string, kind: CacheKind): Promise<CacheRecord> {
	const stats = await stat(file);
	if (!stats.isFile()) return {};
	return {
		sizeBytes: stats.size,
		...(hashedKinds.includes(kind)
			? {
					sha256: await hashOf(file),
				}
			: {}),
	};
}

/** Read in pieces: a kernel or a QEMU is as large as all of vpmu. */
async function hashOf(file: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const piece of createReadStream(file, { highWaterMark: 1 << 18 })) hash.update(piece as Buffer);
	return hash.digest('hex');
}

/** What is wrong with a thing of the cache, as far as a look tells; `undefined` when nothing is, or it is not there. */
async function damageOf(kept: string): Promise<string | undefined> {
	const stats = await stat(kept).catch(() => undefined);
	if (stats?.isFile() !== true) return undefined;
	const { sizeBytes } = await readRecordOf(kept);
	if (typeof sizeBytes !== 'number' || sizeBytes === stats.size) return undefined;
	return `${stats.size} bytes, but ${sizeBytes} were written`;
}

async function readRecordOf(kept: string): Promise<CacheRecord> {
	return await readFile(recordFile(kept), 'utf8').then(
		text => JSON.parse(text),
		() => ({}),
	);
}

/**
 * The SHA-256 of a file (hexadecimal). One of the cache that is not what was once made is removed, so that it is made
 * again when it is next asked for.
 * @throws VpmuError (blame `image`) when it was damaged, (blame `host`) when it cannot be read
 */
export async function verifiedHash(file: string): Promise<string> {
	let hash: string;
	try {
		hash = await hashOf(file);
	} catch (cause) {
		throw new VpmuError(`cannot read '${file}': ${messageOf(cause)}`, { blame: 'host', cause });
	}
	const record = await readRecordOf(file);
	// Images say it of themselves.
	const sha256 = record.sha256 ?? record.hash;
	if (typeof sha256 !== 'string' || sha256 === hash) return hash;
	await rm(file, { force: true });
	throw new VpmuError(`'${file}' of the cache was damaged and has been removed: run again, and it is made anew`, {
		blame: 'image',
		evidence: [`SHA-256 is ${hash}`, `SHA-256 was ${sha256} when it was made`],
	});
}

/** The file beside a thing of the cache that describes it. Its modification time says when the thing was last used. */
export function recordFile(kept: string): string {
	return `${kept}.json`;
}

/** Puts a file of the cache at another place in it: a hard link where the file system has them, else a copy. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
	await rm(to, { force: true });
	await link(from, to).catch(() => copyFile(from, to));
}

function fileName(name: string): string {
	return name.replaceAll('/', '+');
}

async function touch(kept: string): Promise<boolean> {
	try {
		await stat(kept);
	} catch {
		return false;
	}
	const now = new Date();
	await utimes(recordFile(kept), now, now).catch(() => undefined);
	return true;
}

const storageErrors: Readonly<Record<string, string>> = {
	ENOSPC: 'the disk is full',
	EDQUOT: 'the disk quota is used up',
	EROFS: 'the file system is read-only',
	EACCES: 'permission denied',
	EPERM: 'permission denied',
	ENOTDIR: 'not a folder',
};

/** Gives errors of the file system the words that a user can act on. */
async function naming<T>(root: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof VpmuError) throw error;
		const code = (error as NodeJS.ErrnoException).code ?? '';
		const reason = storageErrors[code];
		if (reason === undefined) throw error;
		const where = (error as NodeJS.ErrnoException).path ?? root;
		throw new VpmuError(`cannot write to the cache ${root}: ${reason} (${where}); VPMU_CACHE names another folder`, {
			blame: 'host',
			cause: error,
		});
	}
}
