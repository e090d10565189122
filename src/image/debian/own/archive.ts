import { createHash } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UsageError, VpmuError } from '../../../lib/errors.ts';
import { makeFolder } from '../../../lib/files/make-folder.ts';
import { readStored } from '../../../lib/files/stored.ts';
import { writeWhole } from '../../../lib/files/whole-file.ts';
import { counted } from '../../../lib/text/counted.ts';
import type { Cache } from '../../cache/cache.ts';
import { unpackDeb } from '../../unpack/deb.ts';
import { decompressed } from '../../unpack/decompress.ts';
import type { DebianArchive } from '../archive.ts';
import type { Architecture, ResolvedPackage } from '../pins.ts';
import { findMirrors, type Mirror, type Mirrors } from '../sources.ts';
import { isSecuritySuite, preferredRelease, requireSuiteName, suiteChain } from '../suites.ts';
import { fieldOf, stanzasOf } from './control.ts';
import { type FetchOptions, fetchBytes, fetchFile, NotOnMirrorError, requireHash } from './fetch.ts';
import { type IndexState, oneOf, reached, requirePath, resolved, stateShape, Unreachable } from './parts.ts';
import { type ListedFile, parseRelease, type Release } from './release.ts';
import { Resolver } from './resolve.ts';
import { keyringsOf, verifySigned } from './signature.ts';
import { compareVersions } from './version.ts';

/** Indexes older than this are read again before packages are resolved. */
const indexAgeMs = 24 * 60 * 60 * 1000;

/** Debian's largest InRelease file has some 200 kB, its largest index some 60 MB. */
const largestRelease = 4 * 2 ** 20;
const largestIndex = 512 * 2 ** 20;

/** The index that was used last, which is asked several times in a row, and is slow to read. */
let lastUsed: { readonly key: string; readonly resolver: Resolver } | undefined;

/**
 * Opens a suite without apt and dpkg: the mirror comes from `VPMU_DEBIAN_MIRROR` (or what is left of apt's configuration), the keys
 * from `VPMU_DEBIAN_KEYRING`, the machine, or vpmu.
 *
 * @throws UsageError for a malformed suite; VpmuError (blame `host`) when nothing names a mirror
 */
export async function openOwnArchive(cache: Cache, suite: string, architecture: Architecture): Promise<OwnArchive> {
	requireSuiteName(suite);
	const mirrors = await findMirrors(cache.env);
	const folder = path.join(cache.folder('packages'), 'own', `${suite}-${architecture}`);
	await makeFolder(folder);
	const own = new OwnArchive(cache, { suite, architecture, mirrors, folder, absent: [] });
	return new OwnArchive(cache, { ...own, absent: (await own.state())?.value.absent ?? [] });
}

type Opened = Pick<OwnArchive, 'suite' | 'architecture' | 'mirrors' | 'folder' | 'absent'>;

/** A suite, without apt. Made by {@link openOwnArchive}. */
export class OwnArchive implements DebianArchive {
	readonly suite: string;
	readonly architecture: Architecture;
	readonly mirrors: Mirrors;
	readonly absent: readonly string[];
	readonly folder: string;
	readonly #cache: Cache;

	constructor(cache: Cache, { suite, architecture, mirrors, folder, absent }: Opened) {
		this.#cache = cache;
		this.suite = suite;
		this.architecture = architecture;
		this.mirrors = mirrors;
		this.folder = folder;
		this.absent = absent;
	}

	get #stateFile() {
		return path.join(this.folder, 'index.json');
	}

	/** The suites of the chain with their mirrors. */
	get #chain(): { suite: string; optional: boolean; mirror: Mirror | undefined }[] {
		return suiteChain(this.suite).map(part => ({
			...part,
			mirror: isSecuritySuite(part.suite) ? this.mirrors.security : this.mirrors.main,
		}));
	}

	get #sources(): string[] {
		return this.#chain.map(({ suite, mirror }) => `${mirror?.uri ?? ''} ${suite} ${mirror?.signedBy ?? ''}`);
	}

	#indexFile(suite: string): string {
		return path.join(this.folder, `${suite}_Packages`);
	}

	/** What is known of the indexes; `undefined` if they were never read from these mirrors. */
	async state(): Promise<{ value: IndexState; readAt: number } | undefined> {
		const found = await readStored(this.#stateFile, stateShape);
		if (found.state !== 'ok' || found.value.sources.join('\n') !== this.#sources.join('\n')) return undefined;
		return { value: found.value, readAt: (await stat(this.#stateFile)).mtimeMs };
	}

	async update(force: boolean): Promise<OwnArchive> {
		const known = await this.state();
		if (!force && known !== undefined && Date.now() - known.readAt < indexAgeMs) return this;
		const what = `Reading the package index of ${this.suite} (${this.architecture})`;
		this.#cache.progress({ what, done: 0, total: 100, unit: 'percent' });
		const absent: string[] = [];
		const kept: Record<string, ListedFile> = {};
		const chain = this.#chain;
		for (const [index, { suite, optional, mirror }] of chain.entries()) {
			try {
				if (mirror === undefined) throw new NotOnMirrorError('no mirror', { blame: 'host' });
				kept[suite] = await this.#read(suite, mirror, known?.value.kept[suite]);
			} catch (error) {
				if (error instanceof NotOnMirrorError) {
					if (optional) {
						absent.push(suite);
						continue;
					}
					throw new UsageError(
						`the Debian mirror ${this.mirrors.main.uri} (${this.mirrors.main.from}) has no suite '${suite}' for ${this.architecture}`,
						{ cause: error },
					);
				}
				if (!(error instanceof Unreachable) || known === undefined) throw error;
				const day = new Date(known.readAt).toISOString().slice(0, 10);
				this.#cache.progress({
					notice: `Could not refresh the package index of ${this.suite} (${error.message}); using the one from ${day}`,
				});
				return new OwnArchive(this.#cache, { ...this.#opened, absent: known.value.absent });
			}
			const done = Math.round((100 * (index + 1)) / chain.length);
			this.#cache.progress({ what, done, total: 100, unit: 'percent' });
		}
		this.#cache.progress({ what, done: 100, total: 100, unit: 'percent' });
		const lost = absent.filter(isSecuritySuite);
		if (lost.length > 0) {
			const where = this.mirrors.security?.uri ?? `no security mirror is known for ${this.mirrors.main.uri}`;
			this.#cache.progress({
				notice: `The mirror has no ${lost.join(', ')} (${where}): packages come without security fixes; VPMU_DEBIAN_SECURITY_MIRROR=URI names another mirror`,
			});
		}
		await writeWhole(this.#stateFile, `${JSON.stringify({ sources: this.#sources, absent, kept })}\n`);
		return new OwnArchive(this.#cache, { ...this.#opened, absent });
	}

	get #opened(): Opened {
		const { suite, architecture, mirrors, folder, absent } = this;
		return { suite, architecture, mirrors, folder, absent };
	}

	/** Fetches a suite's signed Release file, and its index unless the kept one is the same. */
	async #read(suite: string, mirror: Mirror, known: ListedFile | undefined): Promise<ListedFile> {
		const release = await this.#release(suite, mirror);
		const name = `main/binary-${this.architecture}/Packages`;
		const plain = release.files.get(name);
		if (plain === undefined) throw new NotOnMirrorError(`${mirror.uri} has no ${name} of ${suite}`, { blame: 'host' });
		if (known?.sha256 === plain.sha256 && (await this.#keptIndex(suite, plain)) !== undefined) return plain;
		await writeFile(this.#indexFile(suite), await this.#fetchIndex(suite, mirror, release, name));
		return plain;
	}

	/** Fetches and unpacks an index that a Release file lists. @throws NotOnMirrorError if it lists none of that name */
	async #fetchIndex(suite: string, mirror: Mirror, release: Release, name: string): Promise<Buffer> {
		const folder = `${mirror.uri.replace(/\/+$/, '')}/dists/${suite}`;
		const [plain, packed] = [release.files.get(name), release.files.get(`${name}.xz`)];
		if (plain === undefined || packed === undefined) {
			throw new NotOnMirrorError(`${folder} has no ${name}.xz`, { blame: 'host' });
		}
		if (plain.sizeBytes > largestIndex || packed.sizeBytes > largestIndex) {
			throw new VpmuError(`${name} of ${suite} has ${plain.sizeBytes} bytes`, { blame: 'host' });
		}
		const what = `the package index of ${suite}`;
		const to = path.join(this.folder, 'fetched.xz');
		try {
			const place = release.byHash ? `${path.dirname(name)}/by-hash/SHA256/${packed.sha256}` : `${name}.xz`;
			await reached(fetchFile(`${folder}/${place}`, to, packed, this.#fetching));
			const pieces: Uint8Array[] = [];
			for await (const piece of decompressed(oneOf(await readFile(to)), 'xz', what, plain.sizeBytes))
				pieces.push(piece);
			const text = Buffer.concat(pieces);
			requireHash(what, plain, text.length, createHash('sha256').update(text).digest('hex'));
			return text;
		} finally {
			await rm(to, { force: true });
		}
	}

	async #release(suite: string, mirror: Mirror): Promise<Release> {
		const uri = `${mirror.uri.replace(/\/+$/, '')}/dists/${suite}/InRelease`;
		const message = await reached(fetchBytes(uri, { ...this.#fetching, most: largestRelease }));
		const keyrings = await keyringsOf(mirror.signedBy);
		const text = await verifySigned(message.toString('utf8'), keyrings, uri, this.#cache);
		return parseRelease(text, suite, mirror.uri);
	}

	get #fetching(): Omit<FetchOptions, 'most'> {
		return { env: this.#cache.env, signal: this.#cache.signal };
	}

	async #keptIndex(suite: string, listed: ListedFile): Promise<string | undefined> {
		const bytes = await readFile(this.#indexFile(suite)).catch(() => undefined);
		if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== listed.sha256) return undefined;
		return bytes.toString('utf8');
	}

	async forget(): Promise<void> {
		lastUsed = undefined;
		await rm(this.folder, { recursive: true, force: true });
		await makeFolder(this.folder);
	}

	async resolve(packages: readonly string[]): Promise<ResolvedPackage[]> {
		const resolver = await this.#resolver();
		try {
			return resolver
				.resolve(packages)
				.map(resolved)
				.sort((a, b) => (a.file < b.file ? -1 : 1));
		} catch (cause) {
			throw new VpmuError(
				`Debian ${this.suite} (${this.architecture}) cannot provide ${packages.join(', ')}: ${messageOf(cause)}`,
				{ blame: 'image', cause },
			);
		}
	}

	async #resolver(): Promise<Resolver> {
		const kept = (await this.state())?.value.kept ?? {};
		const key = JSON.stringify([this.suite, kept]);
		if (lastUsed?.key === key) return lastUsed.resolver;
		const suites: { text: string; isPreferred: boolean }[] = [];
		// apt reads the suites of the main archive before those of the security archive.
		const order = this.#chain.toSorted((a, b) => Number(isSecuritySuite(a.suite)) - Number(isSecuritySuite(b.suite)));
		for (const { suite } of order) {
			const listed = kept[suite];
			if (listed === undefined) continue;
			const text = await this.#keptIndex(suite, listed);
			if (text === undefined) {
				throw new VpmuError(`the package index of ${suite} in the cache was damaged`, { blame: 'image' });
			}
			suites.push({ text, isPreferred: suite === preferredRelease(this.suite) });
		}
		lastUsed = { key, resolver: new Resolver(suites) };
		return lastUsed.resolver;
	}

	async download(packages: readonly ResolvedPackage[], to: string): Promise<void> {
		await rm(to, { recursive: true, force: true });
		await makeFolder(to);
		const total = packages.reduce((sum, item) => sum + item.sizeBytes, 0);
		const what = `Downloading ${counted(packages.length, 'package')} of ${this.suite} (${this.architecture})`;
		let done = 0;
		this.#cache.progress({ what, done, total, unit: 'bytes' });
		const resolver = await this.#resolver();
		for (const item of packages) {
			const found = resolver.find(item);
			if (found === undefined) {
				throw new NotOnMirrorError(`the index of ${this.suite} no longer has ${item.name} ${item.version}`, {
					blame: 'host',
				});
			}
			const mirrors = [this.mirrors.main, ...(this.mirrors.security === undefined ? [] : [this.mirrors.security])];
			await this.#fetchFrom(mirrors, found.path, path.join(to, item.file), item, count => {
				done += count;
				this.#cache.progress({ what, done: Math.min(done, total), total, unit: 'bytes' });
			});
		}
		this.#cache.progress({ what, done: total, total, unit: 'bytes' });
	}

	/** A package is on one of the mirrors, in the main archive or in that of security. */
	async #fetchFrom(
		mirrors: readonly Mirror[],
		below: string,
		to: string,
		item: ResolvedPackage,
		onBytes: (count: number) => void,
	): Promise<void> {
		requirePath(below, item.name);
		for (const [index, { uri }] of mirrors.entries()) {
			try {
				await fetchFile(`${uri.replace(/\/+$/, '')}/${below}`, to, item, { ...this.#fetching, onBytes });
				return;
			} catch (error) {
				if (!(error instanceof NotOnMirrorError) || index === mirrors.length - 1) throw error;
			}
		}
	}

	/**
	 * Fetches the description and the upstream archive of a source package into a folder.
	 * @throws UsageError if no suite of the chain has it
	 */
	async source(name: string, to: string): Promise<void> {
		let best: { stanza: string; mirror: Mirror; isPreferred: boolean } | undefined;
		for (const { suite, mirror } of this.#chain) {
			if (mirror === undefined || this.absent.includes(suite)) continue;
			const release = await this.#release(suite, mirror);
			const text = (await this.#fetchIndex(suite, mirror, release, 'main/source/Sources')).toString('utf8');
			const isPreferred = suite === preferredRelease(this.suite);
			for (const { stanza } of stanzasOf(text)) {
				if (fieldOf(stanza, 'Package') !== name) continue;
				const newer =
					best === undefined || compareVersions(fieldOf(stanza, 'Version'), fieldOf(best.stanza, 'Version')) > 0;
				if (best?.isPreferred === isPreferred || best === undefined ? newer : isPreferred)
					best = { stanza, mirror, isPreferred };
			}
		}
		if (best === undefined) {
			throw new UsageError(
				`the Debian mirror that this machine uses (${this.mirrors.main.from}) has no source of '${name}' in suite '${this.suite}'`,
			);
		}
		const folder = fieldOf(best.stanza, 'Directory');
		for (const line of fieldOf(best.stanza, 'Checksums-Sha256').split('\n')) {
			const [, sha256, size, file] = /^([0-9a-f]{64}) (\d{1,12}) ([A-Za-z0-9][\w.+~-]*)$/.exec(line.trim()) ?? [];
			if (file === undefined || !/\.dsc$|\.orig\.tar\.(xz|gz|bz2)$/.test(file)) continue;
			const from = `${folder}/${file}`;
			requirePath(from, name);
			const known = { sha256: sha256!, sizeBytes: Number(size) };
			await fetchFile(`${best.mirror.uri.replace(/\/+$/, '')}/${from}`, path.join(to, file), known, this.#fetching);
		}
	}

	async unpack(deb: string, to: string): Promise<void> {
		await unpackDeb(deb, to, path.basename(deb));
	}
}
