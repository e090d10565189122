import type { Stats } from 'node:fs';
import { copyFile, link, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import type { Shape } from '../../lib/stored.ts';
import { writeWhole } from '../../lib/whole-file.ts';
import { damageOf, identityOf, readKept, recordFile, recordShape, settle } from './identity.ts';
import { type CacheKind, type CacheRecord, cacheKinds } from './kinds.ts';
import { lockFile } from './lock.ts';
import type { OnProgress } from './progress.ts';

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
	 * thing get its name, so that nobody ever sees half of it. One that was damaged since is told of, and made again.
	 *
	 * @param damage says what else than its size is wrong with a thing that is there; `undefined` when nothing is
	 * @throws VpmuError (blame `host`) when the disk is full or not writable; LockBusyError where this cache does not wait;
	 *   whatever `make` throws
	 */
	keep(
		kind: CacheKind,
		name: string,
		make: (temporaryPath: string) => Promise<CacheRecord | undefined>,
		damage?: (kept: string) => Promise<string | undefined>,
	): Promise<string>;
	/** Whether a thing is there and whole, as far as a look tells. */
	has(kind: CacheKind, name: string): Promise<boolean>;
	/** What was written beside a thing of the cache. @throws VpmuError (blame `image`) when it is not there, or damaged */
	record<T extends CacheRecord = CacheRecord>(kind: CacheKind, name: string, shape?: Shape<T>): Promise<T>;
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

	/** Folders that were found whole. One is looked at once: a build root has 30,000 files. */
	const looked = new Set<string>();
	const has = async (kind: CacheKind, name: string, damage?: (kept: string) => Promise<string | undefined>) => {
		const kept = path.join(folder(kind), name);
		const stats = await touch(kept);
		if (stats === undefined) return false;
		if (looked.has(kept)) return true;
		const problem = (await damageOf(kept)) ?? (await damage?.(kept));
		if (problem === undefined && stats.isDirectory()) looked.add(kept);
		if (problem !== undefined) {
			progress({ notice: `${kind}/${name} of the cache is damaged (${problem}) and is made again` });
		}
		return problem === undefined;
	};

	const keep: Cache['keep'] = async (kind, name, make, damage) => {
		const kept = path.join(folder(kind), name);
		const isThere = () => has(kind, name, damage);
		if (await isThere()) return kept;
		return await exclusively(`${kind}/${name}`, async () => {
			if (await isThere()) return kept;
			await rm(kept, { recursive: true, force: true });
			const unfinished = path.join(temporary, fileName(`${kind}/${name}`));
			await rm(unfinished, { recursive: true, force: true });
			try {
				const record = { ...(await make(unfinished)), ...(await identityOf(unfinished, kind)) };
				await settle(unfinished);
				await writeWhole(recordFile(kept), `${JSON.stringify(record, null, ' ')}\n`);
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
		has,
		exclusively,
		async record<T extends CacheRecord>(kind: CacheKind, name: string, shape?: Shape<T>) {
			const kept = path.join(folder(kind), name);
			return await naming(root, () => readKept(recordFile(kept), shape ?? (recordShape as unknown as Shape<T>)));
		},
	};
}

/** Puts a file of the cache at another place in it: a hard link where the file system has them, else a copy. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
	await rm(to, { force: true });
	await link(from, to).catch(() => copyFile(from, to));
}

function fileName(name: string): string {
	return name.replaceAll('/', '+');
}

/** Notes that a thing is used; `undefined` when it is not there. */
async function touch(kept: string): Promise<Stats | undefined> {
	const stats = await stat(kept).catch(() => undefined);
	if (stats === undefined) return undefined;
	const now = new Date();
	await utimes(recordFile(kept), now, now).catch(() => undefined);
	return stats;
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
