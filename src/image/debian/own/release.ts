import { VpmuError } from '../../../lib/errors.ts';
import { fieldOf } from './control.ts';

/** A file that a Release file lists. */
export interface ListedFile {
	readonly sizeBytes: number;
	readonly sha256: string;
}

/** A suite's Release file, whose signature was checked. */
export interface Release {
	readonly date: Date;
	/** Whether files are also found by their hash, so that an update of the mirror in between does no harm. */
	readonly byHash: boolean;
	/** By path below the suite's folder. */
	readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * Parses a Release file whose signature was checked.
 *
 * @param suite what was asked for: a mirror could offer the signed file of another suite
 * @param uri of the mirror; one that names a day, as those of snapshot.debian.org do, is asked for its age
 * @throws VpmuError (blame `host`) when it is of another suite, or no longer valid
 */
export function parseRelease(text: string, suite: string, uri: string, now = Date.now()): Release {
	const refused = (why: string) =>
		new VpmuError(`the mirror ${uri} offers a Release file for '${suite}' that ${why}`, { blame: 'host' });
	const names = [fieldOf(text, 'Suite'), fieldOf(text, 'Codename')];
	if (!names.includes(suite)) throw refused(`is of '${names.filter(Boolean).join("' or '")}'`);
	const date = new Date(fieldOf(text, 'Date'));
	if (Number.isNaN(date.getTime())) throw refused('has no date');
	const until = fieldOf(text, 'Valid-Until');
	const isDated = /\/\d{8}T\d{6}Z(\/|$)/.test(uri);
	if (until !== '' && !isDated && !(Date.parse(until) >= now)) {
		throw refused(
			`was valid until ${until}: the mirror, or this machine's clock (${new Date(now).toUTCString()}), is wrong`,
		);
	}
	const files = new Map<string, ListedFile>();
	for (const line of fieldOf(text, 'SHA256').split('\n')) {
		const [, sha256, size, file] = /^([0-9a-f]{64})\s+(\d{1,12})\s+(\S+)$/.exec(line) ?? [];
		if (file !== undefined) files.set(file, { sha256: sha256!, sizeBytes: Number(size) });
	}
	if (files.size === 0) throw refused('lists no files with SHA-256');
	return { date, byHash: fieldOf(text, 'Acquire-By-Hash') === 'yes', files };
}
