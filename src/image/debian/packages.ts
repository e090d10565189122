import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { writeWhole } from '../../lib/files/whole-file.ts';
import { counted } from '../../lib/text/counted.ts';
import { type Cache, NotCachedError } from '../cache/cache.ts';
import type { DebianArchive } from './archive.ts';
import { openArchive } from './open.ts';
import { NotOnMirrorError } from './own/fetch.ts';
import {
	type Architecture,
	listPins,
	type PackageRequest,
	type PackageSet,
	type PinSummary,
	pinsFolder,
	type ResolvedPackage,
	readPin,
	summaryOfPin,
} from './pins.ts';
import { suiteChain } from './suites.ts';

export type { PackageRequest, PackageSet } from './pins.ts';

/** One unpacked package. */
export interface UnpackedPackage extends ResolvedPackage {
	/** The folder with its files. It belongs to the cache and must not be written to. */
	readonly folder: string;
	/** Its cache entry: `packages/FILE`. */
	readonly key: string;
}

/**
 * Resolves a request to exact versions. The result is kept in the cache, so that later requests need no network and get the
 * same versions, until the cache is opened with `refresh`.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function resolvePackages(cache: Cache, request: PackageRequest): Promise<PackageSet> {
	const packages = [...request.packages].sort();
	const { suite, architecture } = request;
	const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12);
	const name = `${suite}-${architecture}-${packages[0]}-${key}`;
	const pins = pinsFolder(cache.root);
	const file = path.join(pins, `${name}.json`);
	const used = (pin: PackageSet) => {
		cache.pins.set(name, summaryOfPin(pin));
		return pin;
	};
	const known = async () => {
		const pinned = cache.refresh && !cache.refreshed.has(name) ? undefined : await keptPin(cache, file);
		return pinned === undefined ? undefined : used(pinned);
	};
	return (
		(await known()) ??
		(await cache.exclusively('packages/index', async () => {
			const again = await known();
			if (again !== undefined) return again;
			if (cache.offline) throw new NotCachedError(`choice of versions for ${packages.join(', ')} of ${suite}`);
			const index = `index ${suite}-${architecture}`;
			const opened = await openArchive(cache, suite, architecture);
			const archive = await opened.update(cache.refresh && !cache.refreshed.has(index));
			cache.refreshed.add(index);
			const set: PackageSet = {
				...{ suite, architecture, packages },
				resolvedAt: new Date().toISOString(),
				suites: suiteChain(suite)
					.map(part => part.suite)
					.filter(one => !archive.absent.includes(one)),
				absent: archive.absent,
				set: await resolveOrRefresh(cache, archive, packages),
			};
			await makeFolder(pins);
			await writeWhole(file, `${JSON.stringify(set, null, ' ')}\n`);
			cache.refreshed.add(name);
			return used(set);
		}))
	);
}

/**
 * Chooses the versions of everything that was ever chosen in this cache again. Nothing is downloaded but indexes.
 *
 * @param cache opened with `refresh`
 * @returns the pins, each with the number of packages whose version changed
 * @throws VpmuError (blame `host` or `image`)
 */
export async function refreshPins(cache: Cache): Promise<(PinSummary & { readonly changed: number })[]> {
	const refreshed: (PinSummary & { readonly changed: number })[] = [];
	for (const pin of await listPins(cache.root)) {
		const before = new Set((await resolvePackages({ ...cache, refresh: false }, pin)).set.map(item => item.sha256));
		const after = await resolvePackages(cache, pin);
		const changed = after.set.filter(item => !before.has(item.sha256)).length;
		refreshed.push({ ...summaryOfPin(after), changed });
	}
	return refreshed;
}

/** Resolves, and fetches the index again once if it is damaged or too old to have a package. @throws as {@link resolve} */
async function resolveOrRefresh(
	cache: Cache,
	archive: DebianArchive,
	packages: readonly string[],
): Promise<readonly ResolvedPackage[]> {
	try {
		return await archive.resolve(packages);
	} catch (error) {
		const again = `again ${archive.suite}-${archive.architecture}`;
		if (!(error instanceof VpmuError) || cache.refreshed.has(again)) throw error;
		cache.refreshed.add(again);
		cache.progress({ notice: `${error.message}; reading the package index again` });
		await archive.forget();
		return await (await archive.update(true)).resolve(packages);
	}
}

/** Reads the earlier result; `undefined` if there is none or its record is damaged, so that it is resolved again. */
async function keptPin(cache: Cache, file: string): Promise<PackageSet | undefined> {
	const found = await readPin(file);
	if (found.state === 'ok') return found.value;
	if (found.state === 'damaged') {
		cache.progress({
			notice: `packages/pins/${path.basename(file)} of the cache ${found.problem}: choosing versions again`,
		});
	}
	return undefined;
}

/** Makes a package's name in the cache. The hash separates packages with the same name and version but different content. */
const packageKey = (item: ResolvedPackage) => `${item.file.slice(0, -4)}-${item.sha256.slice(0, 12)}`;

/**
 * Downloads and unpacks packages of a resolved set. Runs no maintainer script.
 *
 * @param wanted which packages of the set are needed; default: all
 * @throws VpmuError (blame `host`) when the network, the disk or a checksum fails
 */
export async function unpackPackages(
	cache: Cache,
	set: PackageSet,
	wanted: (item: ResolvedPackage) => boolean = () => true,
): Promise<UnpackedPackage[]> {
	const items = set.set.filter(wanted);
	const missing = await missingOf(cache, items);
	if (missing.length > 0) {
		await cache.exclusively(`packages/${set.suite}-${set.architecture}`, () => fetchAndUnpack(cache, set, missing));
	}
	return await Promise.all(
		items.map(async item => ({
			...item,
			key: `packages/${packageKey(item)}`,
			folder: await cache.keep('packages', packageKey(item), () => {
				throw new VpmuError(`package ${item.file} vanished from the cache`, { blame: 'host' });
			}),
		})),
	);
}

async function missingOf(cache: Cache, items: readonly ResolvedPackage[]): Promise<ResolvedPackage[]> {
	const missing: ResolvedPackage[] = [];
	for (const item of items) if (!(await cache.has('packages', packageKey(item)))) missing.push(item);
	return missing;
}

/** Parts of packages that no image or program needs. */
const unused = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian'];

async function fetchAndUnpack(cache: Cache, set: PackageSet, wanted: readonly ResolvedPackage[]): Promise<void> {
	const items = await missingOf(cache, wanted);
	if (items.length === 0) return;
	if (cache.offline) {
		const more = items.length === 1 ? '' : ` and ${items.length - 1} more`;
		throw new NotCachedError(`package ${items[0]!.name} ${items[0]!.version}${more} of ${set.suite}`);
	}
	const archive = await openArchive(cache, set.suite, set.architecture);
	await cache.scratch(`debs-${set.suite}-${set.architecture}`, async folder => {
		await downloadWithIndex(cache, archive, items, folder);
		const what = `Unpacking ${counted(items.length, 'package')} of ${set.suite} (${set.architecture})`;
		let done = 0;
		cache.progress({ what, done, total: items.length, unit: 'packages' });
		for (const item of items) {
			const deb = path.join(folder, item.file);
			await verify(deb, item);
			await cache.keep('packages', packageKey(item), async to => {
				await archive.unpack(deb, to);
				for (const folder of unused) await rm(path.join(to, folder), { recursive: true, force: true });
				return { label: `${item.name} ${item.version}`, ...item };
			});
			await rm(deb, { force: true });
			cache.progress({ what, done: ++done, total: items.length, unit: 'packages' });
		}
	});
}

/** Downloads packages. If the cached index is missing or too old to know a version, fetches it again first. */
async function downloadWithIndex(
	cache: Cache,
	archive: DebianArchive,
	items: readonly ResolvedPackage[],
	folder: string,
): Promise<void> {
	try {
		await archive.download(items, folder);
	} catch (error) {
		const isOld =
			error instanceof NotOnMirrorError ||
			(error instanceof VpmuError && /Unable to locate|was not found|404 +Not Found/.test(error.evidence.join('\n')));
		if (!isOld) throw error;
		const updated = await cache.exclusively('packages/index', () => archive.update(true));
		try {
			await updated.download(items, folder);
		} catch (second) {
			throw new VpmuError(
				`the mirror no longer has the versions that were chosen earlier; 'vpmu image build --refresh' chooses new ones`,
				{ blame: 'image', evidence: second instanceof VpmuError ? second.evidence : [], cause: second },
			);
		}
	}
}

async function verify(file: string, item: ResolvedPackage): Promise<void> {
	const hash = createHash('sha256');
	await pipeline(createReadStream(file), hash);
	const found = hash.digest('hex');
	if (found !== item.sha256) {
		throw new VpmuError(`${item.file} has SHA-256 ${found}, but the signed index says ${item.sha256}`, {
			blame: 'host',
		});
	}
}

/**
 * Unpacks the files of one package without installing it. Fetches none of its dependencies.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function debianPackage(
	cache: Cache,
	{ suite, architecture, name }: { readonly suite: string; readonly architecture: Architecture; readonly name: string },
): Promise<UnpackedPackage> {
	const set = await resolvePackages(cache, { suite, architecture, packages: [name] });
	const [unpacked] = await unpackPackages(cache, set, item => item.name === name);
	if (unpacked === undefined) throw new VpmuError(`Debian ${suite} has no package ${name}`, { blame: 'image' });
	return unpacked;
}
