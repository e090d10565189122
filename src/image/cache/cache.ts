import type { Stats } from 'node:fs';
import { existsSync } from 'node:fs';
import { copyFile, link, rename, rm, stat, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import type { Shape } from '../../lib/files/stored.ts';
import { writeWhole } from '../../lib/files/whole-file.ts';
import type { PinSummary } from '../debian/pins.ts';
import { damageOf, identityOf, readKept, recordFile, recordShape, settle } from './identity.ts';
import { type CacheKind, type CacheRecord, cacheKinds } from './kinds.ts';
import { lockFile } from './lock.ts';
import type { OnProgress } from './progress.ts';
import { removeAbandoned, withScratch } from './scratch.ts';

export interface CacheOptions {
	/** The environment that provides `VPMU_CACHE`, `XDG_CACHE_HOME` and `HOME`; `process.env` by default. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly onProgress?: OnProgress | undefined;
	/** Aborts every wait and every tool that this cache runs. */
	readonly signal?: AbortSignal | undefined;
	/** Whether to wait (default) for another process that works on the same entry, or to fail and name that process. */
	readonly wait?: boolean;
	/** Look for newer packages instead of reusing the versions resolved before. */
	readonly refresh?: boolean;
	/** Fetch nothing: what is missing is a {@link NotCachedError}. */
	readonly offline?: boolean;
}

/** Something would have to be fetched, and the cache was opened with `offline`. */
export class NotCachedError extends VpmuError {
	override readonly name = 'NotCachedError';

	constructor(what: string) {
		super(`the cache has no ${what}`, { blame: 'host' });
	}
}

/** A folder of reproducible entries. Each is made once, completely or not at all, by the first process that needs it. */
export interface Cache {
	readonly root: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal: AbortSignal | undefined;
	readonly refresh: boolean;
	readonly offline: boolean;
	readonly progress: OnProgress;
	/** Suites and similar data that this object has already refreshed. */
	readonly refreshed: Set<string>;
	/** The pins that this object has used, by name: which versions of Debian's packages were chosen, and when. */
	readonly pins: Map<string, PinSummary>;
	/** The entries that this object has used, as `KIND/NAME`. */
	readonly used: Set<string>;
	folder(kind: CacheKind): string;
	/**
	 * Returns the path of a cache entry; `make` creates it if it is missing. `make` writes a file or folder at the path
	 * that it is given, under a lock that the kernel releases when this process dies. The entry gets its final name only after
	 * `make` returns, so no process sees an incomplete one. A damaged entry is reported and made again.
	 *
	 * @param damage describes damage beyond a wrong size in an existing entry; `undefined` if there is none
	 * @throws VpmuError (blame `host`) when the disk is full or not writable; LockBusyError if this cache does not wait;
	 *   whatever `make` throws
	 */
	keep(
		kind: CacheKind,
		name: string,
		make: (temporaryPath: string) => Promise<CacheRecord | undefined>,
		damage?: (kept: string) => Promise<string | undefined>,
	): Promise<string>;
	/** Whether an entry exists and passes a quick check. */
	has(kind: CacheKind, name: string): Promise<boolean>;
	/** Reads the record of a cache entry. @throws VpmuError (blame `image`) when it is missing or damaged */
	record<T extends CacheRecord = CacheRecord>(kind: CacheKind, name: string, shape?: Shape<T>): Promise<T>;
	/** Runs `work` while no other process runs work of that name. @throws as {@link Cache.keep} */
	exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
	/** Runs `work` with a new folder that is removed afterwards; if this process is killed, by the next vpmu. */
	scratch<T>(name: string, work: (folder: string) => Promise<T>): Promise<T>;
}

/** The cache's folder: `VPMU_CACHE`, or `vpmu` in `XDG_CACHE_HOME`, or `~/.cache/vpmu`. @throws UsageError for a relative path */
export function cacheRoot(env: Readonly<Record<string, string | undefined>>): string {
	if (env.VPMU_CACHE) {
		if (!path.isAbsolute(env.VPMU_CACHE)) {
			throw new UsageError(`VPMU_CACHE is '${env.VPMU_CACHE}', but must be an absolute path`);
		}
		return usable('VPMU_CACHE', path.normalize(env.VPMU_CACHE));
	}
	// The XDG Base Directory Specification says to ignore relative paths.
	if (env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME)) {
		return usable('XDG_CACHE_HOME', path.join(env.XDG_CACHE_HOME, 'vpmu'));
	}
	const home = env.HOME || os.homedir();
	if (!path.isAbsolute(home)) {
		throw new UsageError(`HOME is '${home}', but must be an absolute path; VPMU_CACHE can name the cache`);
	}
	return usable('HOME', path.join(home, '.cache', 'vpmu'));
}

/**
 * Checks that programs of the cache can be given its path: the dynamic loader splits `--library-path` at colons and semicolons,
 * ssh expands `\${NAME}`, and apt reads its configuration line by line.
 */
function usable(variable: string, root: string): string {
	const bad = /[:;\p{Cc}\uFFFD]|\$\{/u.exec(root)?.[0];
	if (bad === undefined) return root;
	const what = bad === '\uFFFD' ? 'bytes that are not UTF-8' : /\p{Cc}/u.test(bad) ? 'a control character' : `'${bad}'`;
	throw new UsageError(
		`the cache '${root}' (from ${variable}) has ${what} in its path, which programs of the cache cannot be given; VPMU_CACHE=/another/folder`,
	);
}

/**
 * Refuses a cache that somebody else could change: programs out of it run here.
 *
 * @throws VpmuError (blame `host`) when the folder belongs to another user, or others may write to it
 */
async function requireOwn(root: string): Promise<void> {
	const stats = await stat(root).catch(() => undefined);
	const own = process.getuid?.();
	if (stats === undefined || own === undefined) return;
	const remedy = 'VPMU_CACHE names another folder';
	if (!stats.isDirectory()) throw new VpmuError(`the cache '${root}' is not a folder; ${remedy}`, { blame: 'host' });
	if (stats.uid !== own) {
		throw new VpmuError(`the cache '${root}' belongs to user ${stats.uid}, and vpmu runs as user ${own}; ${remedy}`, {
			blame: 'host',
		});
	}
	if ((stats.mode & 0o022) !== 0) {
		const mode = (stats.mode & 0o7777).toString(8);
		throw new VpmuError(`others may write to the cache '${root}' (mode ${mode}); 'chmod go-w' on it, or ${remedy}`, {
			blame: 'host',
		});
	}
}

/**
 * Opens the cache, creates its folders, and removes what killed processes left in it. Nothing needs to be closed.
 * @throws UsageError for a bad `VPMU_CACHE`; VpmuError (blame `host`) when the folder cannot be made
 */
export async function openCache(options: CacheOptions = {}): Promise<Cache> {
	const env = options.env ?? process.env;
	const root = cacheRoot(env);
	let last = '';
	const progress: OnProgress = item => {
		// Tools repeat their messages.
		const text = JSON.stringify(item);
		if (text !== last) options.onProgress?.(item);
		last = text;
	};
	const { signal } = options;
	const folder = (kind: CacheKind) => path.join(root, kind);
	const temporary = path.join(root, 'tmp');
	const locks = path.join(root, 'locks');
	await requireOwn(root);
	await naming(root, async () => {
		if (!existsSync(root)) await makeFolder(root, { mode: 0o700 });
		for (const made of [...cacheKinds.map(folder), temporary, locks]) await makeFolder(made);
		await removeAbandoned(root, signal, () => progress({ notice: 'Removing the unfinished work of a killed vpmu' }));
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
	// The file lock works between processes. Within this process, a later caller waits for the earlier one here, and no
	// lock holder is reported.
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

	/** Folders that passed the check. Each is checked once: a build root has 30,000 files. */
	const looked = new Set<string>();
	const used = new Set<string>();
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
		if (problem === undefined) used.add(`${kind}/${name}`);
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
				used.add(`${kind}/${name}`);
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
		offline: options.offline ?? false,
		progress,
		refreshed: new Set(),
		pins: new Map(),
		used,
		folder,
		keep,
		has,
		exclusively,
		scratch: async (name, work) => await naming(root, () => withScratch({ root, signal }, name, work)),
		async record<T extends CacheRecord>(kind: CacheKind, name: string, shape?: Shape<T>) {
			const kept = path.join(folder(kind), name);
			return await naming(root, () => readKept(recordFile(kept), shape ?? (recordShape as unknown as Shape<T>)));
		},
	};
}

/** Copies a file of the cache to another path in it: as a hard link if the file system has them. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
	await rm(to, { force: true });
	await link(from, to).catch(() => copyFile(from, to));
}

function fileName(name: string): string {
	return name.replaceAll('/', '+');
}

/** Marks an entry as used; `undefined` when it does not exist. */
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

/** Rewords file system errors so that a user can act on them. */
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
