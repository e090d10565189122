import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { type Cache, NotCachedError } from '../cache/cache.ts';
import { runTool, toolFailed } from '../cache/tool.ts';
import { type Apt, prepareApt, updateIndex } from './apt.ts';
import { hasApt } from './open.ts';
import { openOwnArchive } from './own/archive.ts';

/** The upstream archive of a Debian source package, in the cache. */
export interface DebianSource {
	/** File name, such as `qemu_10.0.13+ds.orig.tar.xz`. */
	readonly path: string;
	/** Debian's version of the source package. */
	readonly version: string;
}

/**
 * Fetches the upstream source that a Debian suite builds a package from, without Debian's patches. apt checks it
 * against the signed index, and it is kept in the cache.
 *
 * @param suite such as `trixie`
 * @param name the source package, such as `qemu`
 * @throws UsageError when the suite has no such source; VpmuError (blame `host`)
 */
export async function debianSource(cache: Cache, suite: string, name: string): Promise<DebianSource> {
	const folder = path.join(cache.folder('packages'), 'sources', `${suite}-${name}`);
	const known = await keptSource(folder);
	if (known !== undefined && !cache.refresh) return known;
	return await cache.exclusively(`packages/source-${suite}-${name}`, async () => {
		const again = await keptSource(folder);
		if (again !== undefined && !cache.refresh) return again;
		if (cache.offline) throw new NotCachedError(`source of ${name} of ${suite}`);
		await cache.scratch(`source-${suite}-${name}`, async fetching => {
			const what = `Downloading the source of ${name} of ${suite}`;
			cache.progress({ what, done: 0, total: 100, unit: 'percent' });
			await (hasApt() ? fetchWithApt : fetchWithoutApt)(cache, { suite, name, fetching, what });
			cache.progress({ what, done: 100, total: 100, unit: 'percent' });
			await rm(folder, { recursive: true, force: true });
			await makeFolder(path.dirname(folder));
			await rename(fetching, folder);
		});
		const fetched = await keptSource(folder);
		if (fetched === undefined) {
			throw new UsageError(`the source of '${name}' in suite '${suite}' has no upstream archive (*.orig.tar.*)`);
		}
		return fetched;
	});
}

interface SourceRequest {
	readonly suite: string;
	readonly name: string;
	/** The folder to fetch into. */
	readonly fetching: string;
	/** What is done, for progress. */
	readonly what: string;
}

async function fetchWithoutApt(cache: Cache, { suite, name, fetching }: SourceRequest): Promise<void> {
	const archive = await cache.exclusively('packages/index', async () =>
		(await openOwnArchive(cache, suite, 'amd64')).update(cache.refresh),
	);
	await archive.source(name, fetching);
}

async function fetchWithApt(cache: Cache, { suite, name, fetching, what }: SourceRequest): Promise<void> {
	// Says which suites of the chain the mirrors have.
	const apt = await cache.exclusively('packages/index', async () =>
		updateIndex(cache, await prepareApt(cache, suite, 'amd64'), cache.refresh),
	);
	const list = await sourceList(apt);
	const mirror = `the Debian mirror ${apt.mirrors.main.uri} (${apt.mirrors.main.from})`;
	const run = async (argv: readonly string[]) => {
		const source = ['-o', `Dir::Etc::SourceList=${list}`];
		const full = ['apt-get', '-q', '-o', 'APT::Status-Fd=3', ...apt.options, ...source, ...argv];
		const result = await runTool(full, {
			...{ env: apt.env, cwd: fetching, signal: cache.signal },
			onStatusLine: line => {
				const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
				if (percent !== undefined)
					cache.progress({ what, done: Math.min(100, Number(percent)), total: 100, unit: 'percent' });
			},
		});
		if (result.status === 0) return;
		const isListed = argv[0] === 'source' && !result.stderr.includes('Unable to find a source package');
		const missing = /Failed to fetch (\S+) +404 +Not Found/.exec(result.stderr)?.[1];
		if (isListed && missing !== undefined) {
			throw new VpmuError(`${mirror} lists the source of '${name}' in suite '${suite}', but lacks ${missing}`, {
				blame: 'host',
			});
		}
		if (/Unable to find a source package|does not have a Release file|404 +Not Found/.test(result.stderr)) {
			throw new UsageError(`${mirror} has no source of '${name}' in suite '${suite}'`);
		}
		throw toolFailed(full, result);
	};
	await run(['update', '-o', 'APT::Update::Error-Mode=any']);
	await run(['source', '--download-only', '--only-source', name]);
}

async function keptSource(folder: string): Promise<DebianSource | undefined> {
	const names = await readdir(folder).catch((): string[] => []);
	const archive = names.find(name => /\.orig\.tar\.(xz|gz|bz2)$/.test(name));
	const description = names.find(name => name.endsWith('.dsc'));
	if (archive === undefined || description === undefined) return undefined;
	const version = /^Version: (\S+)$/m.exec(await readFile(path.join(folder, description), 'utf8'))?.[1] ?? 'unknown';
	return { path: path.join(folder, archive), version };
}

/** Writes a list of apt's sources for source packages. @returns the path of the file */
async function sourceList(apt: Apt): Promise<string> {
	const list = path.join(apt.folder, 'vpmu-src.sources');
	const binary = await readFile(path.join(apt.folder, 'vpmu.sources'), 'utf8');
	await writeFile(list, binary.replace(/^Types: deb$/gm, 'Types: deb-src').replace(/^Architectures: .*\n/gm, ''));
	return list;
}
