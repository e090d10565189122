import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { checkJson } from '../../lib/files/stored.ts';
import { writeWhole } from '../../lib/files/whole-file.ts';
import { harmless } from '../../lib/text/streams.ts';
import type { Cache } from '../cache/cache.ts';
import { pinsFolder } from '../debian/pins.ts';
import { hostArchitecture } from '../program.ts';
import { decompressed } from '../unpack/decompress.ts';
import { UnpackedFolder } from '../unpack/folder.ts';
import { readTar, type TarEntry } from '../unpack/tar.ts';
import type { Moved } from './export.ts';
import {
	isReserved,
	largestManifest,
	type Manifest,
	type MovedEntry,
	manifestName,
	manifestShape,
} from './manifest.ts';

/** More than any cache holds. */
const limits = { entries: 5_000_000, bytes: 256 * 2 ** 30 };

/**
 * Reads a file that `exportCache` wrote, and adds what it holds to the cache. All of it is checked before any of it is added:
 * each file against the hash that the manifest has, each path and link against its entry. Entries that the cache has already are
 * kept; chosen versions are replaced.
 *
 * @param sha256 of the whole file, if known
 * @throws UsageError when the file is damaged, hostile, or of another architecture; VpmuError (blame `host`) when the disk is full
 */
export async function importCache(cache: Cache, file: string, sha256?: string): Promise<Moved> {
	const stats = await stat(file).catch(cause => {
		throw new UsageError(`cannot read '${file}': ${messageOf(cause)}`, { cause });
	});
	if (!stats.isFile()) throw new UsageError(`'${file}' is not a file that 'vpmu cache export' wrote`);
	return await cache.scratch('import', async staging => {
		const { manifest, found } = await stage(cache, file, staging);
		if (sha256 !== undefined && found !== sha256) {
			throw new UsageError(`'${file}' has SHA-256 ${found}, and not ${sha256} as option '--hash' says`);
		}
		for (const { kind, name, record } of manifest.entries) {
			await cache.keep(kind, name, async to => {
				await rename(path.join(staging, kind, name), to);
				return record;
			});
		}
		const pins = pinsFolder(cache.root);
		await makeFolder(pins);
		for (const [name, pin] of Object.entries(manifest.pins)) {
			await writeWhole(path.join(pins, `${name}.json`), `${JSON.stringify(pin, null, ' ')}\n`);
		}
		const sizeBytes = manifest.entries.flatMap(one => one.files).reduce((sum, one) => sum + one.sizeBytes, 0);
		return { entries: manifest.entries.length, pins: Object.keys(manifest.pins).length, sizeBytes, sha256: found };
	});
}

/** Unpacks the file into a folder, and checks everything. */
async function stage(cache: Cache, file: string, staging: string): Promise<{ manifest: Manifest; found: string }> {
	const hash = createHash('sha256');
	const packed = harmless(createReadStream(file, { highWaterMark: 1 << 18 }));
	const source = (async function* () {
		for await (const piece of packed) {
			cache.signal?.throwIfAborted();
			hash.update(piece as Buffer);
			yield piece as Buffer;
		}
	})();
	try {
		const members = readTar(decompressed(source, 'zst', `'${file}'`, limits.bytes), `'${file}'`);
		const manifest = await readManifest(file, members);
		const checker = new Checker(file, manifest);
		const folder = new UnpackedFolder(staging, `'${file}'`, limits);
		const total = manifest.entries.flatMap(one => one.files).reduce((sum, one) => sum + one.sizeBytes, 0);
		const progress = { what: `Reading ${manifest.entries.length} entries of the cache`, total, unit: 'bytes' } as const;
		let done = 0;
		for await (const member of members) {
			await folder.add(checker.check(member));
			if (member.kind === 'file') done += member.sizeBytes;
			cache.progress({ ...progress, done: Math.min(done, total) });
		}
		checker.end();
		return { manifest, found: hash.digest('hex') };
	} catch (error) {
		cache.signal?.throwIfAborted();
		// What is wrong with a file that the user named is bad input.
		if (error instanceof Error && 'blame' in error && error.blame === 'host') {
			throw new UsageError(error.message, { cause: error });
		}
		throw error;
	} finally {
		packed.destroy();
	}
}

async function readManifest(file: string, members: AsyncGenerator<TarEntry>): Promise<Manifest> {
	const wrong = (why: string) => new UsageError(`'${file}' is not a file that 'vpmu cache export' wrote: ${why}`);
	const { value: first } = await members.next();
	if (first?.kind !== 'file' || first.path !== manifestName) throw wrong(`it does not begin with ${manifestName}`);
	if (first.sizeBytes > largestManifest) throw wrong(`${manifestName} has ${first.sizeBytes} bytes`);
	const text = Buffer.concat(await Array.fromAsync(first.content)).toString();
	const read = checkJson(text, manifestShape);
	if (read.state !== 'ok') throw wrong(`${manifestName} ${read.state === 'damaged' ? read.problem : 'is missing'}`);
	const { architecture, entries } = read.value;
	const reserved = entries.find(({ kind, name }) => isReserved(kind, name));
	if (reserved !== undefined) throw wrong(`'${reserved.kind}/${reserved.name}' is not an entry`);
	if (architecture !== hostArchitecture()) {
		throw new UsageError(
			`'${file}' was written on ${architecture}, and its programs do not run on ${hostArchitecture()}`,
		);
	}
	return read.value;
}

/** Compares what an archive holds with its manifest. */
class Checker {
	readonly #file: string;
	readonly #entries = new Map<string, { readonly files: Map<string, MovedEntry['files'][number]>; others: number }>();

	constructor(file: string, { entries }: Manifest) {
		this.#file = file;
		for (const { kind, name, files, others } of entries) {
			const key = `${kind}/${name}`;
			if (this.#entries.has(key)) throw this.#wrong(`lists '${key}' twice`);
			this.#entries.set(key, { files: new Map(files.map(one => [one.path, one])), others });
		}
	}

	/** Checks a member. @returns it; reading its content fails at the end if its hash is another one */
	check(member: TarEntry): TarEntry {
		const [kind = '', name = '', ...rest] = member.path.replace(/\/$/, '').split('/');
		const entry = this.#entries.get(`${kind}/${name}`);
		const below = rest.join('/');
		if (entry === undefined) throw this.#wrong(`contains '${member.path}', which its manifest does not list`);
		if (member.kind === 'hard link') throw this.#wrong(`contains a hard link, '${member.path}'`);
		if (member.kind !== 'file') {
			if (--entry.others < 0) throw this.#wrong(`contains '${member.path}', which its manifest does not list`);
			if (member.kind === 'link') this.#checkLink(kind, below, member);
			return member;
		}
		const listed = entry.files.get(below);
		if (listed === undefined) throw this.#wrong(`contains '${member.path}', which its manifest does not list`);
		entry.files.delete(below);
		return { ...member, content: this.#verified(member.path, member.content, listed.sha256) };
	}

	/** A package may have links to paths of the installed system, which are never followed; nothing else leaves its entry. */
	#checkLink(kind: string, below: string, { path: place, target }: Extract<TarEntry, { kind: 'link' }>): void {
		const isInside = !path.posix.join(path.posix.dirname(below), target).startsWith('..');
		const isAllowed = below !== '' && (target.startsWith('/') ? kind === 'packages' : isInside);
		if (!isAllowed) throw this.#wrong(`contains a link out of its entry, '${place}' to '${target}'`);
	}

	async *#verified(place: string, content: AsyncIterable<Buffer>, sha256: string): AsyncGenerator<Buffer> {
		const hash = createHash('sha256');
		for await (const piece of content) {
			hash.update(piece);
			yield piece;
		}
		if (hash.digest('hex') !== sha256)
			throw this.#wrong(`contains '${place}' with another hash than its manifest says`);
	}

	/** @throws UsageError if anything is missing */
	end(): void {
		for (const [key, { files, others }] of this.#entries) {
			const [missing] = files.keys();
			if (missing !== undefined) throw this.#wrong(`lacks '${path.posix.join(key, missing)}'`);
			if (others > 0) throw this.#wrong(`lacks folders or links of '${key}'`);
		}
	}

	#wrong(why: string): UsageError {
		return new UsageError(`'${this.#file}' ${why}`);
	}
}
