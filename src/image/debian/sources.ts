import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { VpmuError } from '../../lib/errors.ts';

/** Where packages come from: a mirror of the Debian archive and the keys that sign it. */
export interface Mirror {
	readonly uri: string;
	/** As in a source's `Signed-By`: files or an embedded key; absent if apt's trusted keys apply. */
	readonly signedBy?: string;
	/** The file that names it. */
	readonly from: string;
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

/** The first mirror of the Debian archive among sources, if there is one. */
export function pickMirror(sources: readonly Source[], from: string): Mirror | undefined {
	for (const source of sources) {
		const uri = source.uris.find(candidate => !/security/.test(candidate));
		if (uri === undefined || !source.types.includes('deb') || !source.components.includes('main')) continue;
		if (!source.suites.some(suite => debianSuite.test(suite))) continue;
		return { uri, from, ...(source.signedBy === undefined ? {} : { signedBy: source.signedBy }) };
	}
	return undefined;
}

/**
 * Returns the Debian mirror that this machine's own apt uses. On other distributions, `VPMU_DEBIAN_MIRROR` names a mirror
 * and `VPMU_DEBIAN_KEYRING` the file with its keys.
 *
 * @throws VpmuError (blame `host`) when no source names the Debian archive
 */
export async function findMirror(
	env: Readonly<Record<string, string | undefined>>,
	etcApt = '/etc/apt',
): Promise<Mirror> {
	if (env.VPMU_DEBIAN_MIRROR) {
		return {
			uri: env.VPMU_DEBIAN_MIRROR,
			from: 'VPMU_DEBIAN_MIRROR',
			...(env.VPMU_DEBIAN_KEYRING ? { signedBy: env.VPMU_DEBIAN_KEYRING } : {}),
		};
	}
	const parts = path.join(etcApt, 'sources.list.d');
	const names = (await readdir(parts).catch(() => [])).sort().map(name => path.join(parts, name));
	for (const file of [path.join(etcApt, 'sources.list'), ...names]) {
		const parse = file.endsWith('.sources') ? parseDeb822 : file.endsWith('.list') ? parseSourcesList : undefined;
		const text = parse && (await readFile(file, 'utf8').catch(() => undefined));
		const mirror = text === undefined ? undefined : pickMirror(parse!(text), file);
		if (mirror !== undefined) return mirror;
	}
	throw new VpmuError(
		`no source in ${etcApt}/sources.list or ${parts} names the Debian archive; VPMU_DEBIAN_MIRROR=URI and VPMU_DEBIAN_KEYRING=FILE can name one`,
		{ blame: 'host' },
	);
}
