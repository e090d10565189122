import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { commands } from '../cache/tool.ts';
import {
	type Apt,
	type Architecture,
	download,
	prepareApt,
	type ResolvedPackage,
	resolve,
	updateIndex,
} from './apt.ts';

/** Packages asked for, from one suite for one architecture. */
export interface PackageRequest {
	readonly suite: string;
	readonly architecture: Architecture;
	readonly packages: readonly string[];
}

/** What a request came to: exact versions, the same at every later use until a refresh. */
export interface PackageSet extends PackageRequest {
	/** When these versions were chosen, ISO 8601. */
	readonly resolvedAt: string;
	readonly set: readonly ResolvedPackage[];
}

/** One unpacked package. */
export interface UnpackedPackage extends ResolvedPackage {
	/** The folder with its files; belongs to the cache and must not be written to. */
	readonly folder: string;
	/** Its name in the cache: `packages/FILE`. */
	readonly key: string;
}

/**
 * The versions that a request comes to. The choice is kept in the cache, so that later uses need no network and get the
 * same, until the cache is opened with `refresh`.
 *
 * @throws UsageError for an unknown suite; VpmuError (blame `host` or `image`)
 */
export async function resolvePackages(cache: Cache, request: PackageRequest): Promise<PackageSet> {
	const packages = [...request.packages].sort();
	const { suite, architecture } = request;
	const key = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12);
	const name = `${suite}-${architecture}-${packages[0]}-${key}`;
	const pins = path.join(cache.folder('packages'), 'pins');
	const file = path.join(pins, `${name}.json`);
	const pinned = await readPin(file);
	if (pinned !== undefined && (!cache.refresh || cache.refreshed.has(name))) return pinned;
	return await cache.exclusively('packages/index', async () => {
		const again = await readPin(file);
		if (again !== undefined && (!cache.refresh || cache.refreshed.has(name))) return again;
		const apt = await prepareApt(cache, suite, architecture);
		const index = `index ${suite}-${architecture}`;
		await updateIndex(cache, apt, cache.refresh && !cache.refreshed.has(index));
		cache.refreshed.add(index);
		const set: PackageSet = {
			suite,
			architecture,
			packages,
			resolvedAt: new Date().toISOString(),
			set: await resolve(cache, apt, packages),
		};
		await mkdir(pins, { recursive: true });
		await writeFile(`${file}.new`, `${JSON.stringify(set, null, ' ')}\n`);
		await rename(`${file}.new`, file);
		cache.refreshed.add(name);
		return set;
	});
}

async function readPin(file: string): Promise<PackageSet | undefined> {
	try {
		return JSON.parse(await readFile(file, 'utf8'));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
		throw error;
	}
}

/** How a package is called in the cache. The hash keeps packages of one name and version but other content apart. */
const packageKey = (item: ResolvedPackage) => `${item.file.slice(0, -4)}-${item.sha256.slice(0, 12)}`;

/**
 * Packages of a resolved set, downloaded and unpacked. No maintainer script is run.
 *
 * @param wanted which packages of the set are needed; all by default
 * @throws VpmuError (blame `host`) when the network, the disk or a checksum fails
 */
export async function unpackPackages(
	cache: Cache,
	set: PackageSet,
	wanted: (item: ResolvedPackage) => boolean = () => true,
): Promise<UnpackedPackage[]> {
	const items = set.set.filter(wanted);
	const present = new Set(await readdir(cache.folder('packages')));
	const missing = items.filter(item => !present.has(packageKey(item)));
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

/** Parts of packages that no image or program has a use for. */
const unused = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/lintian'];

async function fetchAndUnpack(cache: Cache, set: PackageSet, wanted: readonly ResolvedPackage[]): Promise<void> {
	const present = new Set(await readdir(cache.folder('packages')));
	const items = wanted.filter(item => !present.has(packageKey(item)));
	if (items.length === 0) return;
	const folder = path.join(cache.root, 'tmp', `debs-${set.suite}-${set.architecture}`);
	const apt = await prepareApt(cache, set.suite, set.architecture);
	try {
		await downloadWithIndex(cache, apt, items, folder);
		const what = `Unpacking ${items.length} package${items.length === 1 ? '' : 's'} of ${set.suite} (${set.architecture})`;
		let done = 0;
		cache.progress({ what, done, total: items.length, unit: 'packages' });
		for (const item of items) {
			const deb = path.join(folder, item.file);
			await verify(deb, item);
			await cache.keep('packages', packageKey(item), async to => {
				await commands({ signal: cache.signal })`dpkg-deb --extract ${deb} ${to}`;
				for (const folder of unused) await rm(path.join(to, folder), { recursive: true, force: true });
				return { label: `${item.name} ${item.version}`, ...item };
			});
			await rm(deb, { force: true });
			cache.progress({ what, done: ++done, total: items.length, unit: 'packages' });
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** Downloads; when the index in the cache is too old or was removed, so that apt does not know a version, reads it anew first. */
async function downloadWithIndex(
	cache: Cache,
	apt: Apt,
	items: readonly ResolvedPackage[],
	folder: string,
): Promise<void> {
	try {
		await download(cache, apt, items, folder);
	} catch (error) {
		if (
			!(error instanceof VpmuError) ||
			!/Unable to locate|was not found|404 +Not Found/.test(error.evidence.join('\n'))
		)
			throw error;
		await cache.exclusively('packages/index', () => updateIndex(cache, apt, true));
		try {
			await download(cache, apt, items, folder);
		} catch (second) {
			throw new VpmuError(
				`the mirror no longer has the versions that were chosen earlier; 'vpmu image build --refresh' chooses anew`,
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
 * The files of one package, unpacked and not installed; nothing that it depends on is fetched.
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
