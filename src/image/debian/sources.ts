import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, VpmuError } from '../../lib/errors.ts';

/** Where Debian, and systems that package its keys, have them. */
export const debianKeyrings = [
	'/usr/share/keyrings/debian-archive-keyring.pgp',
	'/usr/share/keyrings/debian-archive-keyring.gpg',
];

/** Debian's archive keys, as package debian-archive-keyring 2025.1 has them; `packages.full.ts` compares them with the package's. */
export const shippedKeyring = path.resolve(import.meta.dirname, '../../../images/keys/debian-archive-keyring.gpg');

/** Where packages come from: a mirror of the Debian archive and the keys that sign it. */
export interface Mirror {
	readonly uri: string;
	/** As in a source's `Signed-By`: files or an embedded key; absent if apt's trusted keys apply. */
	readonly signedBy?: string;
	/** The file that names it. */
	readonly from: string;
}

/** The mirrors of the Debian archive and of its security archive. */
export interface Mirrors {
	readonly main: Mirror;
	/** `undefined` if nothing names one, and it cannot be derived from the name of the main one. */
	readonly security: Mirror | undefined;
}

interface Source {
	readonly types: readonly string[];
	readonly uris: readonly string[];
	readonly suites: readonly string[];
	readonly components: readonly string[];
	readonly signedBy?: string;
}

/** Parses a deb822 `.sources` file (sources.list(5)): stanzas of fields, continued by indented lines. */
export function parseDeb822(text: string): Source[] {
	return text
		.split(/\n[ \t]*\n/)
		.map(stanza => {
			const fields = new Map<string, string>();
			let last: string | undefined;
			for (const line of stanza.split('\n')) {
				if (line.startsWith('#')) continue;
				const field = /^([^\s:]+):[ \t]*(.*)$/.exec(line);
				if (field !== null) {
					last = field[1]!.toLowerCase();
					fields.set(last, field[2]!.trim());
				} else if (last !== undefined && /^[ \t]/.test(line)) {
					fields.set(last, `${fields.get(last)}\n${line}`);
				}
			}
			return fields;
		})
		.filter(fields => !/^(no|false|without|off|disable|0)$/i.test(fields.get('enabled') ?? 'yes'))
		.filter(fields => fields.has('uris'))
		.map(fields => {
			const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
			const signedBy = fields.get('signed-by');
			return {
				types: words('types'),
				uris: words('uris'),
				suites: words('suites'),
				components: words('components'),
				...(signedBy === undefined ? {} : { signedBy }),
			};
		});
}

/** Parses a one-line-style `.list` file (sources.list(5)). */
export function parseSourcesList(text: string): Source[] {
	const sources: Source[] = [];
	for (const line of text.split('\n')) {
		const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
		if (match === null) continue;
		const [, type, options = '', uri, suite, components = ''] = match;
		const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
		sources.push({
			types: [type!],
			uris: [uri!],
			suites: [suite!],
			components: components.split(/\s+/).filter(Boolean),
			...(signedBy === undefined ? {} : { signedBy: signedBy.replaceAll(',', ' ') }),
		});
	}
	return sources;
}

/** Suites that only Debian's main archive has. The security archive is a different mirror. */
const debianSuite =
	/^(sid|unstable|testing|stable|oldstable|oldoldstable|experimental|bullseye|bookworm|trixie|forky|duke)(-(updates|backports|backports-sloppy|proposed-updates))?$/;

/** Suites of the security archive; before bullseye, they were named `buster/updates`. */
const securitySuite = /^[a-z]+(-security|\/updates)$/;

/** The first mirror of the Debian archive among sources, if there is one. */
export function pickMirror(sources: readonly Source[], from: string): Mirror | undefined {
	return pick(sources, from, uri => !/security/.test(uri), debianSuite);
}

/** The first mirror of Debian's security archive among sources, if there is one. */
export function pickSecurityMirror(sources: readonly Source[], from: string): Mirror | undefined {
	return pick(sources, from, uri => /debian-security|security\.debian\.org/.test(uri), securitySuite);
}

function pick(
	sources: readonly Source[],
	from: string,
	isWanted: (uri: string) => boolean,
	suites: RegExp,
): Mirror | undefined {
	for (const source of sources) {
		const uri = source.uris.find(isWanted);
		if (uri === undefined || !source.types.includes('deb') || !source.components.includes('main')) continue;
		if (!source.suites.some(suite => suites.test(suite))) continue;
		return { uri, from, ...(source.signedBy === undefined ? {} : { signedBy: source.signedBy }) };
	}
	return undefined;
}

/**
 * Where mirrors have the security archive: beside the main one (deb.debian.org, snapshot.debian.org and most mirrors).
 * Returns `undefined` for a mirror whose path does not say `debian`.
 */
export function securityBeside(main: Mirror): Mirror | undefined {
	const uri = main.uri.replace(/\/debian(?=\/|$)/, '/debian-security');
	return uri === main.uri ? undefined : { ...main, uri };
}

function requireAddress(uri: string, variable: string): string {
	if (URL.canParse(uri) && /^(https?|file):$/.test(new URL(uri).protocol)) return uri;
	throw new UsageError(
		`'${uri}' of variable '${variable}' is not the address of a mirror; allowed: https://HOST/PATH, http://HOST/PATH or file:///FOLDER`,
	);
}

/** Refuses relative paths: such a file would not be read, and other keys would count. */
function requireKeyring(text: string): void {
	if (text.includes('-----BEGIN PGP') || text.split(/[\s,]+/).every(word => path.isAbsolute(word))) return;
	throw new UsageError(
		`'${text}' of variable 'VPMU_DEBIAN_KEYRING' is not the path of a keyring; allowed: the absolute path of a file, without blanks and commas`,
	);
}

/**
 * Finds Debian mirrors: those that this machine's apt uses. On a system that is not Debian, `VPMU_DEBIAN_MIRROR` names a mirror,
 * `VPMU_DEBIAN_SECURITY_MIRROR` one of the security archive, and `VPMU_DEBIAN_KEYRING` the file with the keys of both. Without
 * it, they are the machine's keys of Debian, or those that vpmu ships.
 *
 * @throws VpmuError (blame `host`) when no source names the Debian archive; UsageError for a variable without an address or path
 */
export async function findMirrors(
	env: Readonly<Record<string, string | undefined>>,
	etcApt = '/etc/apt',
): Promise<Mirrors> {
	const hasKeys = debianKeyrings.some(file => existsSync(file));
	if (env.VPMU_DEBIAN_KEYRING) requireKeyring(env.VPMU_DEBIAN_KEYRING);
	const own = env.VPMU_DEBIAN_KEYRING || (hasKeys ? undefined : shippedKeyring);
	const keyring = own === undefined ? {} : { signedBy: own };
	const named = (name: string): Mirror | undefined => {
		const uri = env[name];
		return uri ? { uri: requireAddress(uri, name), from: name, ...keyring } : undefined;
	};
	const namedSecurity = named('VPMU_DEBIAN_SECURITY_MIRROR');
	const namedMain = named('VPMU_DEBIAN_MIRROR');
	if (namedMain !== undefined) return { main: namedMain, security: namedSecurity ?? securityBeside(namedMain) };
	const parts = path.join(etcApt, 'sources.list.d');
	const names = (await readdir(parts).catch(() => [])).sort().map(name => path.join(parts, name));
	let [main, security]: (Mirror | undefined)[] = [];
	for (const file of [path.join(etcApt, 'sources.list'), ...names]) {
		const parse = file.endsWith('.sources') ? parseDeb822 : file.endsWith('.list') ? parseSourcesList : undefined;
		const text = parse && (await readFile(file, 'utf8').catch(() => undefined));
		if (text === undefined) continue;
		main ??= pickMirror(parse!(text), file);
		security ??= pickSecurityMirror(parse!(text), file);
	}
	if (main !== undefined) return { main, security: namedSecurity ?? security ?? securityBeside(main) };
	throw new VpmuError(
		`no source in ${etcApt}/sources.list or ${parts} names the Debian archive; VPMU_DEBIAN_MIRROR=URI can name a mirror, and VPMU_DEBIAN_KEYRING=FILE its keys`,
		{ blame: 'host' },
	);
}
