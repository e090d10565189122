import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { UsageError, VpmuError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/files/make-folder.ts';
import { readStored, type Shape } from '../../lib/files/stored.ts';
import { writeWhole } from '../../lib/files/whole-file.ts';
import { counted } from '../../lib/text/counted.ts';
import type { Cache } from '../cache/cache.ts';
import { whileRoom } from '../cache/full-disk.ts';
import { commands, lastLines, requireTool, runTool, toolFailed } from '../cache/tool.ts';
import type { Architecture, ResolvedPackage } from './pins.ts';
import { findMirrors, type Mirror, type Mirrors } from './sources.ts';
import { isSecuritySuite, preferredRelease, requireSuiteName, suiteChain } from './suites.ts';

/**
 * An apt configuration for one suite and one architecture. All its state is in the cache; the system's apt state is not used.
 */
export interface Apt {
	readonly suite: string;
	readonly architecture: Architecture;
	/** Runs an apt tool in this configuration. */
	readonly env: Readonly<Record<string, string>>;
	readonly mirrors: Mirrors;
	readonly folder: string;
	/** Settings that apt's configuration file cannot express, as options of its tools. */
	readonly options: readonly string[];
	/** Suites of its chain that the mirrors did not have when the index was last read. */
	readonly absent: readonly string[];
}

/** Indexes older than this are fetched again before packages are resolved (never when the resolved set is pinned). */
const indexAgeMs = 24 * 60 * 60 * 1000;

/** Settings of the system's apt that say how to reach a mirror; all other system settings are ignored. */
const networkSetting =
	/^(Acquire::(http|https|ftp|socks|ForceIPv4|ForceIPv6|Retries|Max-FutureTime)\b|Acquire::(http|https)::)/i;

/**
 * Prepares an apt for a suite and architecture in the cache.
 * @throws UsageError for a malformed suite; VpmuError (blame `host`) when there is no apt or no Debian mirror
 */
export async function prepareApt(cache: Cache, suite: string, architecture: Architecture): Promise<Apt> {
	requireSuiteName(suite);
	const mirrors = await findMirrors(cache.env);
	const apt = path.join(cache.folder('packages'), 'apt');
	const folder = path.join(apt, `${suite}-${architecture}`);
	for (const made of ['state', 'cache/archives/partial', '../lists/partial']) {
		await makeFolder(path.join(folder, made));
	}
	const system = await commands({ signal: cache.signal })`apt-config dump`;
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
	const preferred = preferredRelease(suite);
	if (preferred !== undefined) settings['APT::Default-Release'] = preferred;
	const conf = [
		...Object.entries(settings)
			.filter(([, value]) => !value.includes('"'))
			.map(([name, value]) => `${name} "${value}";`),
		`APT::Architectures { "${architecture}"; };`,
		...system.split('\n').filter(line => networkSetting.test(line)),
		'',
	].join('\n');
	await writeFile(path.join(folder, 'apt.conf'), conf);
	await writeFile(path.join(folder, 'status'), '');
	const env = { APT_CONFIG: path.join(folder, 'apt.conf') };
	// The file has no way to write a quotation mark.
	const options = Object.entries(settings)
		.filter(([, value]) => value.includes('"'))
		.flatMap(([name, value]) => ['-o', `${name}=${value}`]);
	const prepared: Apt = { suite, architecture, mirrors, folder, env, options, absent: [] };
	const absent = (await readIndexState(prepared))?.absent ?? [];
	await writeFile(path.join(folder, 'vpmu.sources'), sourcesOf(prepared, absent));
	return { ...prepared, absent };
}

/** A deb822 file (sources.list(5)) with the suites of a chain that the mirrors have. */
function sourcesOf({ suite, architecture, mirrors }: Apt, absent: readonly string[]): string {
	const names = suiteChain(suite)
		.map(part => part.suite)
		.filter(name => !absent.includes(name));
	const stanza = (mirror: Mirror | undefined, suites: readonly string[]) =>
		mirror === undefined || suites.length === 0
			? []
			: [
					'Types: deb',
					`URIs: ${mirror.uri}`,
					`Suites: ${suites.join(' ')}`,
					'Components: main',
					`Architectures: ${architecture}`,
					...(mirror.signedBy === undefined ? [] : [`Signed-By: ${mirror.signedBy}`]),
					'',
				];
	return [
		...stanza(
			mirrors.main,
			names.filter(name => !isSecuritySuite(name)),
		),
		...stanza(
			mirrors.security,
			names.filter(name => isSecuritySuite(name)),
		),
	].join('\n');
}

/** What is known of the index: which suites the mirrors lack, and when it was read. */
interface IndexState {
	readonly sources: string;
	readonly absent: readonly string[];
}
const stateShape: Shape<IndexState> = v.looseObject({ sources: v.string(), absent: v.array(v.string()) });
const stateFile = (apt: Apt) => path.join(apt.folder, 'index.json');

/** Reads the state of an index; `undefined` if it was never read from these mirrors and suites. */
async function readIndexState(apt: Apt): Promise<{ absent: readonly string[]; readAt: number } | undefined> {
	const found = await readStored(stateFile(apt), stateShape);
	if (found.state !== 'ok' || found.value.sources !== sourcesOf(apt, [])) return undefined;
	return { absent: found.value.absent, readAt: (await stat(stateFile(apt))).mtimeMs };
}

/**
 * Fetches the signed indexes of the suite's chain if they are missing or old. Without a network, old ones are used. Suites with
 * updates that the mirrors do not have are left out, and named in a notice.
 *
 * @returns the configuration, with the suites that are absent
 * @throws UsageError when the mirror has no such suite; VpmuError (blame `host`) when signatures or the network fail
 */
export async function updateIndex(cache: Cache, apt: Apt, force: boolean): Promise<Apt> {
	const known = await readIndexState(apt);
	if (!force && known !== undefined && Date.now() - known.readAt < indexAgeMs) return apt;
	const what = `Reading the package index of ${apt.suite} (${apt.architecture})`;
	cache.progress({ what, done: 0, total: 100, unit: 'percent' });
	let absent = apt.mirrors.security === undefined ? securitySuites(apt) : [];
	for (;;) {
		await writeFile(path.join(apt.folder, 'vpmu.sources'), sourcesOf(apt, absent));
		const settings = ['-o', 'APT::Status-Fd=3', '-o', 'APT::Update::Error-Mode=any'];
		const argv = ['apt-get', 'update', '-q', ...settings, ...apt.options];
		const onStatusLine = (line: string) => {
			const percent = statusPercent(line);
			if (percent !== undefined) cache.progress({ what, done: percent, total: 100, unit: 'percent' });
		};
		const result = await whileRoom(apt.folder, cache.signal, signal =>
			runTool(argv, { env: apt.env, signal, onStatusLine }),
		);
		if (result.status === 0) break;
		const text = result.stderr;
		const lacking = suiteChain(apt.suite).filter(part => !absent.includes(part.suite) && lacks(text, part.suite));
		if (lacking.some(part => !part.optional)) {
			throw new UsageError(
				`the Debian mirror ${apt.mirrors.main.uri} (${apt.mirrors.main.from}) has no suite '${apt.suite}' for ${apt.architecture}`,
			);
		}
		if (lacking.length > 0) {
			absent = [...absent, ...lacking.map(part => part.suite)];
			continue;
		}
		if (/signature|NO_PUBKEY|is not signed|GPG error|Hash Sum/i.test(text) || known === undefined) {
			throw toolFailed(argv, result);
		}
		cache.progress({
			notice: `Could not refresh the package index of ${apt.suite} (${lastLines(text, 1)[0] ?? 'no message'}); using the one from ${new Date(known.readAt).toISOString().slice(0, 10)}`,
		});
		await writeFile(path.join(apt.folder, 'vpmu.sources'), sourcesOf(apt, known.absent));
		return { ...apt, absent: known.absent };
	}
	cache.progress({ what, done: 100, total: 100, unit: 'percent' });
	const lost = absent.filter(isSecuritySuite);
	if (lost.length > 0) {
		const where = apt.mirrors.security?.uri ?? `no security mirror is known for ${apt.mirrors.main.uri}`;
		cache.progress({
			notice: `The mirror has no ${lost.join(', ')} (${where}): packages come without security fixes; VPMU_DEBIAN_SECURITY_MIRROR=URI names another mirror`,
		});
	}
	await writeWhole(stateFile(apt), `${JSON.stringify({ sources: sourcesOf(apt, []), absent })}\n`);
	const updated = { ...apt, absent };
	await noteExpiry(cache, updated);
	return updated;
}

const securitySuites = ({ suite }: Apt) =>
	suiteChain(suite)
		.map(part => part.suite)
		.filter(isSecuritySuite);

/** Whether apt says that a repository has no Release file for a suite. */
function lacks(text: string, suite: string): boolean {
	return text
		.split('\n')
		.some(
			line =>
				(line.includes(` ${suite} Release'`) && line.includes('does not have a Release file')) ||
				(line.includes(`/dists/${suite}/`) && line.includes('404 ') && line.includes('Not Found')),
		);
}

/** Removes a suite's index, so that apt fetches all of it again. Otherwise apt trusts the files that it has. */
export async function forgetIndex(apt: Apt): Promise<void> {
	const lists = path.join(apt.folder, '../lists');
	const doomed = suiteChain(apt.suite).flatMap(({ suite }) => [
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
	for (const { suite } of suiteChain(apt.suite)) {
		const name = (await readdir(lists)).find(file => file.endsWith(`_dists_${suite}_InRelease`));
		if (name === undefined) continue;
		const until = /^Valid-Until: (.*)$/m.exec(await readFile(path.join(lists, name), 'utf8'))?.[1];
		if (until === undefined || !(Date.parse(until) < Date.now()) || cache.refreshed.has(`valid-until ${suite}`))
			continue;
		cache.refreshed.add(`valid-until ${suite}`);
		cache.progress({
			notice: `The index of ${suite} on this mirror is only valid until ${until}: its signature was checked, but its freshness was not`,
		});
	}
}

/**
 * Resolves packages and all their dependencies to exact versions.
 * @throws VpmuError (blame `image`) when the suite lacks a package or its dependencies cannot be met
 */
export async function resolve(cache: Cache, apt: Apt, packages: readonly string[]): Promise<ResolvedPackage[]> {
	const argv = ['apt-get', '-qq', '--print-uris', ...apt.options, 'install', ...packages];
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
	await makeFolder(to);
	const total = packages.reduce((sum, item) => sum + item.sizeBytes, 0);
	const what = `Downloading ${counted(packages.length, 'package')} of ${apt.suite} (${apt.architecture})`;
	cache.progress({ what, done: 0, total, unit: 'bytes' });
	const wanted = packages.map(item => `${item.name}=${item.version}`);
	const argv = ['apt-get', 'download', '-q', '-o', 'APT::Status-Fd=3', ...apt.options, ...wanted];
	const onStatusLine = (line: string) => {
		const percent = statusPercent(line);
		if (percent !== undefined)
			cache.progress({ what, done: Math.round((total * percent) / 100), total, unit: 'bytes' });
	};
	await whileRoom(to, cache.signal, signal => requireTool(argv, { env: apt.env, cwd: to, signal, onStatusLine }));
	cache.progress({ what, done: total, total, unit: 'bytes' });
}

function statusPercent(line: string): number | undefined {
	const match = /^dlstatus:\d+:([\d.]+):/.exec(line);
	return match === null ? undefined : Math.min(100, Number(match[1]));
}
