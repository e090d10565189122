import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import type { Cache } from '../cache/cache.ts';
import { commands, lastLines, requireTool, runTool, toolFailed } from '../cache/tool.ts';
import { findMirror, type Mirror } from './sources.ts';

/** Debian's name of an architecture. */
export type Architecture = 'amd64' | 'arm64';

/** One package at an exact version, as described by the signed index of its archive. */
export interface ResolvedPackage {
	readonly name: string;
	readonly version: string;
	/** File name in the cache: `NAME_VERSION_ARCHITECTURE.deb`, with the version's colon escaped. */
	readonly file: string;
	readonly sizeBytes: number;
	readonly sha256: string;
}

/**
 * An apt configuration for one suite and one architecture. All its state is in the cache; the system's apt state is not used.
 */
export interface Apt {
	readonly suite: string;
	readonly architecture: Architecture;
	/** Runs an apt tool in this configuration. */
	readonly env: Readonly<Record<string, string>>;
	readonly mirror: Mirror;
	readonly folder: string;
}

/** Indexes older than this are fetched again before packages are resolved (never when the resolved set is pinned). */
const indexAgeMs = 24 * 60 * 60 * 1000;

/** The suites that a suite consists of: backports only add a few packages to their base suite. */
export function suiteChain(suite: string): readonly string[] {
	const base = /^(.+?)-(backports(-sloppy)?|updates|proposed-updates)$/.exec(suite)?.[1];
	if (base !== undefined) return [base, suite];
	if (suite === 'experimental') return ['sid', suite];
	return [suite];
}

/** Settings of the system's apt that say how to reach a mirror; all other system settings are ignored. */
const networkSetting =
	/^(Acquire::(http|https|ftp|socks|ForceIPv4|ForceIPv6|Retries|Max-FutureTime)\b|Acquire::(http|https)::)/i;

/**
 * Prepares an apt for a suite and architecture in the cache.
 * @throws UsageError for a malformed suite; VpmuError (blame `host`) when there is no apt or no Debian mirror
 */
export async function prepareApt(cache: Cache, suite: string, architecture: Architecture): Promise<Apt> {
	if (!/^[a-z][a-z0-9.-]*$/.test(suite)) {
		throw new UsageError(
			`'${suite}' is not a Debian suite; a suite is a name such as bookworm, trixie, trixie-backports or sid`,
		);
	}
	const mirror = await findMirror(cache.env);
	const apt = path.join(cache.folder('packages'), 'apt');
	const folder = path.join(apt, `${suite}-${architecture}`);
	for (const made of ['state', 'cache/archives/partial', '../lists/partial']) {
		await mkdir(path.join(folder, made), { recursive: true });
	}
	const system = await commands({ signal: cache.signal })`apt-config dump`;
	const quoted = (text: string) => `"${text.replaceAll('"', '%22')}"`;
	const settings: Record<string, string> = {
		'Dir::State': path.join(folder, 'state'),
		'Dir::State::Lists': path.join(apt, 'lists'),
		'Dir::State::status': path.join(folder, 'status'),
		'Dir::Cache': path.join(folder, 'cache'),
		'Dir::Cache::pkgcache': '',
		'Dir::Cache::srcpkgcache': '',
		'Dir::Etc::SourceList': path.join(folder, 'vpmu.sources'),
		'Dir::Etc::SourceParts': '/dev/null',
		'Dir::Etc::Main': '/dev/null',
		// The system's own settings may run commands on the system's files after an update.
		'Dir::Etc::Parts': '/dev/null',
		'Dir::Etc::Preferences': '/dev/null',
		'Dir::Etc::PreferencesParts': '/dev/null',
		'APT::Architecture': architecture,
		'APT::Default-Release': suite,
		'APT::Install-Recommends': 'false',
		'APT::Install-Suggests': 'false',
		// Lists of other suites are in the same folder.
		'APT::Get::List-Cleanup': 'false',
		'APT::Sandbox::User': 'root',
		'Acquire::Languages': 'none',
		'Acquire::Check-Valid-Until': 'false',
		'Acquire::ForceHash': 'SHA256',
		'Acquire::Retries': '3',
	};
	const conf = [
		...Object.entries(settings).map(([name, value]) => `${name} ${quoted(value)};`),
		`APT::Architectures { "${architecture}"; };`,
		...system.split('\n').filter(line => networkSetting.test(line)),
		'',
	].join('\n');
	const sources = [
		'Types: deb',
		`URIs: ${mirror.uri}`,
		`Suites: ${suiteChain(suite).join(' ')}`,
		'Components: main',
		`Architectures: ${architecture}`,
		...(mirror.signedBy === undefined ? [] : [`Signed-By: ${mirror.signedBy}`]),
		'',
	].join('\n');
	await writeFile(path.join(folder, 'apt.conf'), conf);
	await writeFile(path.join(folder, 'vpmu.sources'), sources);
	await writeFile(path.join(folder, 'status'), '');
	return { suite, architecture, mirror, folder, env: { APT_CONFIG: path.join(folder, 'apt.conf') } };
}

/**
 * Fetches the suite's signed index if it is missing or old. Without a network, an old one is used.
 * @throws UsageError when the mirror has no such suite; VpmuError (blame `host`) when signatures or the network fail
 */
export async function updateIndex(cache: Cache, apt: Apt, force: boolean): Promise<void> {
	const stamp = path.join(apt.folder, 'updated');
	const updatedAt = await stat(stamp).then(
		stats => stats.mtimeMs,
		() => undefined,
	);
	if (!force && updatedAt !== undefined && Date.now() - updatedAt < indexAgeMs) return;
	const what = `Reading the package index of ${apt.suite} (${apt.architecture})`;
	cache.progress({ what, done: 0, total: 100, unit: 'percent' });
	const argv = ['apt-get', 'update', '-q', '-o', 'APT::Status-Fd=3', '-o', 'APT::Update::Error-Mode=any'];
	const result = await runTool(argv, {
		env: apt.env,
		signal: cache.signal,
		onStatusLine: line => {
			const percent = statusPercent(line);
			if (percent !== undefined) cache.progress({ what, done: percent, total: 100, unit: 'percent' });
		},
	});
	if (result.status !== 0) {
		const text = result.stderr;
		if (/does not have a Release file|404 +Not Found/.test(text)) {
			throw new UsageError(
				`the Debian mirror that this machine uses (${apt.mirror.from}) has no suite '${apt.suite}' for ${apt.architecture}`,
			);
		}
		if (/signature|NO_PUBKEY|is not signed|GPG error|Hash Sum/i.test(text) || updatedAt === undefined) {
			throw toolFailed(argv, result);
		}
		cache.progress({
			notice: `Could not refresh the package index of ${apt.suite} (${lastLines(text, 1)[0] ?? 'no message'}); using the one from ${new Date(updatedAt).toISOString().slice(0, 10)}`,
		});
		return;
	}
	cache.progress({ what, done: 100, total: 100, unit: 'percent' });
	await writeFile(stamp, '');
	await noteExpiry(cache, apt);
}

/** Removes a suite's index, so that apt fetches all of it again. Otherwise apt trusts the files that it has. */
export async function forgetIndex(apt: Apt): Promise<void> {
	const lists = path.join(apt.folder, '../lists');
	const doomed = suiteChain(apt.suite).flatMap(suite => [
		...[`_dists_${suite}_InRelease`, `_dists_${suite}_Release`, `_dists_${suite}_Release.gpg`],
		`_dists_${suite}_main_binary-${apt.architecture}_Packages`,
	]);
	for (const name of await readdir(lists)) {
		if (doomed.some(end => name.endsWith(end) || name.includes(`${end}.`))) await rm(path.join(lists, name));
	}
}

/** Warns once when a suite's signed Release file is past its Valid-Until date. */
async function noteExpiry(cache: Cache, apt: Apt): Promise<void> {
	const lists = path.join(apt.folder, '../lists');
	for (const suite of suiteChain(apt.suite)) {
		const name = (await readdir(lists)).find(file => file.endsWith(`_dists_${suite}_InRelease`));
		if (name === undefined) continue;
		const until = /^Valid-Until: (.*)$/m.exec(await readFile(path.join(lists, name), 'utf8'))?.[1];
		if (until === undefined || !(Date.parse(until) < Date.now()) || cache.refreshed.has(`valid-until ${suite}`))
			continue;
		cache.refreshed.add(`valid-until ${suite}`);
		cache.progress({
			notice: `The index of ${suite} on this mirror says it is valid until ${until}: its signature is checked, its freshness is not`,
		});
	}
}

/**
 * Resolves packages and all their dependencies to exact versions.
 * @throws VpmuError (blame `image`) when the suite lacks a package or its dependencies cannot be met
 */
export async function resolve(cache: Cache, apt: Apt, packages: readonly string[]): Promise<ResolvedPackage[]> {
	const argv = ['apt-get', '-qq', '--print-uris', 'install', ...packages];
	const result = await runTool(argv, { env: apt.env, signal: cache.signal });
	if (result.status !== 0) {
		const lines = lastLines(result.stderr || result.stdout);
		throw new VpmuError(
			`Debian ${apt.suite} (${apt.architecture}) cannot provide ${packages.join(', ')}: ${lines.find(line => line.startsWith('E: '))?.slice(3) ?? lines.at(-1)}`,
			{ blame: 'image', evidence: lines },
		);
	}
	return parseUris(result.stdout);
}

/** Parses the output of `apt-get --print-uris`. @throws VpmuError for a package without a SHA-256 */
export function parseUris(text: string): ResolvedPackage[] {
	const found: ResolvedPackage[] = [];
	for (const line of text.split('\n')) {
		const match = /^'\S+' (([a-z0-9][a-z0-9+.-]*)_([^_\s]+)_\w+\.deb) (\d+) (?:SHA256:([0-9a-f]{64}))?/.exec(line);
		if (match === null) continue;
		const [, file, name, version, size, sha256] = match;
		if (sha256 === undefined)
			throw new VpmuError(`the package index gives no SHA-256 for ${file}`, { blame: 'image', evidence: [line] });
		found.push({
			name: name!,
			version: decodeURIComponent(version!),
			file: file!,
			sizeBytes: Number(size),
			sha256,
		});
	}
	return found.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/**
 * Fetches packages into a folder; apt checks each against the signed index.
 * @throws VpmuError (blame `host`)
 */
export async function download(
	cache: Cache,
	apt: Apt,
	packages: readonly ResolvedPackage[],
	to: string,
): Promise<void> {
	await rm(to, { recursive: true, force: true });
	await mkdir(to, { recursive: true });
	const total = packages.reduce((sum, item) => sum + item.sizeBytes, 0);
	const what = `Downloading ${packages.length} package${packages.length === 1 ? '' : 's'} of ${apt.suite} (${apt.architecture})`;
	cache.progress({ what, done: 0, total, unit: 'bytes' });
	const argv = ['apt-get', 'download', '-q', '-o', 'APT::Status-Fd=3', ...packages.map(p => `${p.name}=${p.version}`)];
	await requireTool(argv, {
		env: apt.env,
		cwd: to,
		signal: cache.signal,
		onStatusLine: line => {
			const percent = statusPercent(line);
			if (percent !== undefined)
				cache.progress({ what, done: Math.round((total * percent) / 100), total, unit: 'bytes' });
		},
	});
	cache.progress({ what, done: total, total, unit: 'bytes' });
}

function statusPercent(line: string): number | undefined {
	const match = /^dlstatus:\d+:([\d.]+):/.exec(line);
	return match === null ? undefined : Math.min(100, Number(match[1]));
}
