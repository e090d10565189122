import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, open, readdir, readlink, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { messageOf, UsageError, VpmuError } from '../../lib/errors.ts';
import { harmless } from '../../lib/text/streams.ts';
import type { Cache } from '../cache/cache.ts';
import { readRecord } from '../cache/identity.ts';
import { listCache } from '../cache/inventory.ts';
import { pinsFolder, readPin } from '../debian/pins.ts';
import { hostArchitecture } from '../program.ts';
import { isMovedKind, type Manifest, type MovedEntry, type MovedFile, manifestName, movedKinds } from './manifest.ts';
import { tarEnd, tarMember, tarPadding } from './tar-writer.ts';

/** What was written, or read. */
export interface Moved {
	readonly entries: number;
	readonly pins: number;
	/** Of the files in it. */
	readonly sizeBytes: number;
	/** Of the file itself. */
	readonly sha256: string;
}

/** A member of an entry on its way. */
interface Found {
	readonly source: string;
	readonly place: string;
	readonly mode: number;
	readonly target?: string;
	readonly file?: MovedFile;
}

/**
 * Writes entries of the cache into a file that {@link importCache} reads on another machine of the same architecture: those that
 * this cache object has used so far, or all that are made of packages.
 *
 * @throws UsageError when the file cannot be written; VpmuError (blame `host`) when an entry cannot be read
 */
export async function exportCache(cache: Cache, to: string, { all }: { readonly all: boolean }): Promise<Moved> {
	const names = all
		? (await listCache(cache)).filter(({ kind }) => isMovedKind(kind)).map(({ kind, name }) => `${kind}/${name}`)
		: [...cache.used].filter(key => movedKinds.some(kind => key.startsWith(`${kind}/`)));
	const entries: MovedEntry[] = [];
	const found: Found[] = [];
	const progress = {
		what: `Reading ${names.length} entries of the cache`,
		total: names.length,
		unit: 'steps',
	} as const;
	for (const [index, key] of names.sort().entries()) {
		cache.progress({ ...progress, done: index });
		const { entry, members } = await readEntry(cache, key);
		entries.push(entry);
		found.push(...members);
	}
	cache.progress({ ...progress, done: names.length });
	const pins = await pinsOf(cache, all);
	const manifest: Manifest = {
		schema: 'vpmu-cache/1',
		architecture: hostArchitecture(),
		exportedAt: new Date().toISOString(),
		...{ entries, pins },
	};
	const sizeBytes = found.reduce((sum, { file }) => sum + (file?.sizeBytes ?? 0), 0);
	const sha256 = await writeFileWhole(to, pack(cache, manifest, found, sizeBytes));
	return { entries: entries.length, pins: Object.keys(pins).length, sizeBytes, sha256 };
}

async function pinsOf(cache: Cache, all: boolean): Promise<Manifest['pins']> {
	const folder = pinsFolder(cache.root);
	const names = (await readdir(folder).catch((): string[] => [])).filter(name => name.endsWith('.json'));
	const pins: Record<string, Manifest['pins'][string]> = {};
	for (const name of names.map(one => one.slice(0, -'.json'.length)).sort()) {
		if (!all && !cache.pins.has(name)) continue;
		const pin = await readPin(path.join(folder, `${name}.json`));
		if (pin.state === 'ok') pins[name] = pin.value;
	}
	return pins;
}

async function readEntry(cache: Cache, key: string): Promise<{ entry: MovedEntry; members: Found[] }> {
	cache.signal?.throwIfAborted();
	const [kind, name] = key.split('/') as [MovedEntry['kind'], string];
	const root = path.join(cache.folder(kind), name);
	const record = await readRecord(root);
	if (record.state !== 'ok') throw new VpmuError(`${key} of the cache has no usable record`, { blame: 'image' });
	const members: Found[] = [];
	const walk = async (source: string, below: string) => {
		const stats = await lstat(source);
		const place = path.posix.join(key, below);
		const mode = stats.mode & 0o755;
		if (stats.isSymbolicLink()) members.push({ source, place, mode, target: await readlink(source) });
		else if (stats.isDirectory()) {
			members.push({ source, place, mode });
			for (const one of (await readdir(source)).sort()) await walk(path.join(source, one), path.posix.join(below, one));
		} else if (stats.isFile()) {
			members.push({ source, place, mode, file: { path: below, sizeBytes: stats.size, sha256: await hashOf(source) } });
		} else throw new VpmuError(`'${source}' of the cache is neither a file, a folder nor a link`, { blame: 'host' });
	};
	await walk(root, '');
	const files = members.flatMap(({ file }) => (file === undefined ? [] : [file]));
	return { entry: { kind, name, record: record.value, files, others: members.length - files.length }, members };
}

async function hashOf(file: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const piece of createReadStream(file, { highWaterMark: 1 << 18 })) hash.update(piece as Buffer);
	return hash.digest('hex');
}

async function* pack(cache: Cache, manifest: Manifest, found: readonly Found[], total: number): AsyncGenerator<Buffer> {
	const text = Buffer.from(`${JSON.stringify(manifest)}\n`);
	yield tarMember({ path: manifestName, kind: 'file', mode: 0o644, sizeBytes: text.length });
	yield text;
	yield tarPadding(text.length);
	const what = `Writing ${manifest.entries.length} entries of the cache`;
	let done = 0;
	cache.progress({ what, done, total, unit: 'bytes' });
	for (const { source, place, mode, target, file } of found) {
		cache.signal?.throwIfAborted();
		if (target !== undefined) yield tarMember({ path: place, kind: 'link', mode, target });
		else if (file === undefined) yield tarMember({ path: `${place}/`, kind: 'folder', mode });
		else {
			yield tarMember({ path: place, kind: 'file', mode, sizeBytes: file.sizeBytes });
			let left = file.sizeBytes;
			for await (const piece of createReadStream(source, { highWaterMark: 1 << 18 })) {
				left -= (piece as Buffer).length;
				if (left < 0) break;
				yield piece as Buffer;
			}
			if (left !== 0) throw new VpmuError(`'${source}' of the cache changed while it was read`, { blame: 'host' });
			yield tarPadding(file.sizeBytes);
			done += file.sizeBytes;
			cache.progress({ what, done, total, unit: 'bytes' });
		}
	}
	yield tarEnd();
	cache.progress({ what, done: total, total, unit: 'bytes' });
}

/** Compresses into a file that has its name only once it is whole. @returns its SHA-256 */
async function writeFileWhole(to: string, source: AsyncIterable<Buffer>): Promise<string> {
	const partial = `${to}.${process.pid}.partial`;
	const cannot = (cause: unknown) =>
		new UsageError(`cannot write '${to}': ${messageOf(cause).replaceAll(partial, to)}`, { cause });
	const compress = harmless(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 6 } }));
	const hash = createHash('sha256');
	await using file = await open(partial, 'wx', 0o600).catch(cause => {
		throw cannot(cause);
	});
	try {
		pipeline(harmless(Readable.from(source)), compress, () => undefined);
		for await (const piece of compress) {
			hash.update(piece as Buffer);
			await file.writeFile(piece as Buffer);
		}
		await file.sync();
		await rename(partial, to).catch(cause => {
			throw cannot(cause);
		});
	} catch (error) {
		await rm(partial, { force: true });
		throw error;
	}
	return hash.digest('hex');
}
