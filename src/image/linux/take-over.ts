import { createHash } from 'node:crypto';
import {
	type Dirent,
	lstatSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UsageError } from '../../lib/errors.ts';
import { makeFolderSync } from '../../lib/files/make-folder.ts';

/** Files copied earlier, by path: file times and sizes, and the hash of their content. */
export type TakenFiles = Readonly<Record<string, { readonly seen: string; readonly sha256: string }>>;

export interface TakenTree {
	readonly files: TakenFiles;
	/** SHA-256 of the names, modes and contents. */
	readonly contentHash: string;
	readonly count: number;
}

/** Build products in the source's own folder; a build elsewhere refuses a source that has some of them. */
const leftBehind = [
	/(^|\/)\.git$/,
	/\.(o|a|ko|mod|mod\.c|order|cmd|su|gcno|dtb)$/,
	/^\.config(\.old)?$/,
	/^(vmlinux|vmlinux\..*|System\.map|Module\.symvers|\.version|\.vmlinux.*|\.tmp_.*)$/,
	/^include\/(config|generated)$/,
	/^arch\/[^/]+\/include\/generated$/,
	/^arch\/arm64\/boot\/(Image|Image\..*|vmlinuz.*)$/,
	/^debian\/build$/,
];

/**
 * Copies a source tree without build products. Files that look unchanged are not read again, and a file with the same
 * content is not touched, so that nothing is rebuilt for it.
 *
 * @throws UsageError for entries other than files, folders and links; the signal's reason
 */
export async function takeOver(from: string, to: string, known: TakenFiles, signal?: AbortSignal): Promise<TakenTree> {
	const files: Record<string, { seen: string; sha256: string }> = {};
	let count = 0;
	const walk = async (at: string): Promise<void> => {
		makeFolderSync(path.join(to, at));
		const entries = readdirSync(path.join(from, at), { withFileTypes: true });
		for (const entry of entries.sort(byName)) {
			const place = at === '' ? entry.name : `${at}/${entry.name}`;
			if (leftBehind.some(pattern => pattern.test(place))) continue;
			if (entry.isDirectory()) {
				await walk(place);
				continue;
			}
			// Thousands of files are read in a row: let an abort through.
			if (++count % 500 === 0) await setImmediate();
			signal?.throwIfAborted();
			files[place] = takeFile(from, to, place, entry, known[place]);
		}
	};
	await walk('');
	for (const place of Object.keys(known)) {
		if (files[place] === undefined) rmSync(path.join(to, place), { force: true });
	}
	const hash = createHash('sha256');
	for (const [place, { sha256 }] of Object.entries(files)) hash.update(`${place}\0${sha256}\n`);
	return { files, contentHash: hash.digest('hex'), count };
}

function takeFile(from: string, to: string, place: string, entry: Dirent, before?: TakenFiles[string]) {
	const full = path.join(from, place);
	if (!entry.isFile() && !entry.isSymbolicLink()) {
		throw new UsageError(`'${full}' is neither a file nor a folder nor a link: it cannot be built from`);
	}
	const stats = lstatSync(full);
	const seen = [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino, stats.mode].join(' ');
	if (before?.seen === seen) return before;
	const isProgram = (stats.mode & 0o111) !== 0;
	const content = entry.isSymbolicLink() ? readlinkSync(full) : readFileSync(full);
	const kind = entry.isSymbolicLink() ? 'link' : isProgram ? 'program' : 'file';
	const sha256 = createHash('sha256').update(`${kind}\0`).update(content).digest('hex');
	if (before?.sha256 === sha256) return { seen, sha256 };
	const target = path.join(to, place);
	// A folder may stand where a file is now.
	rmSync(target, { recursive: true, force: true });
	if (typeof content === 'string') symlinkSync(content, target);
	else writeFileSync(target, content, { mode: isProgram ? 0o755 : 0o644 });
	return { seen, sha256 };
}

const byName = (a: Dirent, b: Dirent) => (a.name < b.name ? -1 : 1);
