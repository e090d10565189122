import { link, lstat, mkdir, open, symlink } from 'node:fs/promises';
import path from 'node:path';
import { VpmuError } from '../../lib/errors.ts';
import type { TarEntry } from './tar.ts';

/** Bounds of what an archive may unpack to. */
export interface UnpackLimits {
	readonly entries: number;
	readonly bytes: number;
}

/** More than any package of Debian has. */
export const packageLimits: UnpackLimits = { entries: 200_000, bytes: 8 * 2 ** 30 };

/**
 * Unpacks members of an archive into a new folder, and nowhere else: a path that leads out of it, or through a link, is refused,
 * and so is a file that stands twice. Owners and the setuid, setgid and sticky bits are dropped, and only the owner may write.
 */
export class UnpackedFolder {
	readonly #root: string;
	readonly #what: string;
	readonly #limits: UnpackLimits;
	/** Folders that are known to be folders, relative to the root. */
	readonly #folders = new Set<string>(['.']);
	#entries = 0;
	#bytes = 0;

	/** @param what names the archive in errors */
	constructor(root: string, what: string, limits: UnpackLimits = packageLimits) {
		this.#root = root;
		this.#what = what;
		this.#limits = limits;
	}

	/** @throws VpmuError (blame `host`) for a member that is refused; the system's error */
	async add(entry: TarEntry): Promise<void> {
		if (++this.#entries > this.#limits.entries) throw this.#refused(`more than ${this.#limits.entries} members`);
		const place = this.#placeOf(entry.path);
		const mode = entry.mode & 0o755;
		if (entry.kind === 'folder') {
			await this.#makeFolder(place, mode);
			return;
		}
		if (place === '.') throw this.#refused(`'${entry.path}', which is not a folder`);
		await this.#makeFolder(path.dirname(place), 0o755);
		const to = path.join(this.#root, place);
		try {
			if (entry.kind === 'link') {
				if (entry.target === '' || entry.target.includes('\0'))
					throw this.#refused(`'${entry.path}', a link to nothing`);
				await symlink(entry.target, to);
			} else if (entry.kind === 'hard link') {
				const from = this.#placeOf(entry.target);
				await this.#requireFolder(path.dirname(from), entry.target);
				const stats = await lstat(path.join(this.#root, from)).catch(() => undefined);
				if (stats?.isFile() !== true) throw this.#refused(`'${entry.path}', a hard link to no file in it`);
				await link(path.join(this.#root, from), to);
			} else {
				await using file = await open(to, 'wx', mode | 0o600);
				for await (const piece of entry.content) {
					this.#bytes += piece.length;
					if (this.#bytes > this.#limits.bytes) throw this.#refused(`more than ${this.#limits.bytes} bytes`);
					await file.writeFile(piece);
				}
				// Whatever the umask is.
				await file.chmod(mode | 0o200);
			}
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw this.#refused(`'${entry.path}' twice`);
			throw error;
		}
	}

	/** Returns the path relative to the root. */
	#placeOf(given: string): string {
		const parts = given.split('/').filter(part => part !== '' && part !== '.');
		if (given.startsWith('/') || given.includes('\0') || parts.includes('..')) {
			throw this.#refused(`the path '${given}', which leads out of it`);
		}
		return parts.join('/') || '.';
	}

	async #makeFolder(place: string, mode: number): Promise<void> {
		if (this.#folders.has(place)) return;
		await this.#makeFolder(path.dirname(place), 0o755);
		try {
			await mkdir(path.join(this.#root, place), mode | 0o700);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
			await this.#requireFolder(place, place);
		}
		this.#folders.add(place);
	}

	/** No part of a path may be a link: it could lead anywhere. */
	async #requireFolder(place: string, given: string): Promise<void> {
		if (this.#folders.has(place)) return;
		throw this.#refused(`the path '${given}', which leads through a link or a file`);
	}

	#refused(why: string): VpmuError {
		return new VpmuError(`${this.#what} contains ${why}`, { blame: 'host' });
	}
}
