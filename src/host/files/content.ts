import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';

const known = new Map<string, { readonly state: string; readonly hash: string }>();

/**
 * Hashes a file, or a folder with its content: names, types, modes and bytes. Returns 32 hexadecimal digits. A symbolic link
 * at the top is followed; links below are hashed as links. An unchanged file is read only once.
 */
export async function hashContent(localPath: string): Promise<string> {
	const hash = createHash('sha256');
	const top = path.resolve(localPath);
	hash.update(`${path.basename(top)}\n`);
	await add(hash, top, '', (await stat(top)).isDirectory());
	return hash.digest('hex').slice(0, 32);
}

async function add(hash: Hash, top: string, inside: string, isFolder: boolean): Promise<void> {
	const full = path.join(top, inside);
	const { mode } = await stat(full);
	if (!isFolder) {
		hash.update(`file ${JSON.stringify(inside)} ${(mode & 0o777).toString(8)} ${await hashFile(full)}\n`);
		return;
	}
	hash.update(`folder ${JSON.stringify(inside)}\n`);
	const entries = await readdir(full, { withFileTypes: true });
	for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
		const child = path.join(inside, entry.name);
		if (entry.isSymbolicLink()) {
			hash.update(`link ${JSON.stringify(child)} ${JSON.stringify(await readlink(path.join(top, child)))}\n`);
		} else if (entry.isDirectory() || entry.isFile()) await add(hash, top, child, entry.isDirectory());
	}
}

async function hashFile(file: string): Promise<string> {
	const { size, mtimeMs, ctimeMs, ino, dev } = await stat(file);
	const state = `${size} ${mtimeMs} ${ctimeMs} ${ino} ${dev}`;
	const before = known.get(file);
	if (before?.state === state) return before.hash;
	const hash = createHash('sha256');
	for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
	const digest = hash.digest('hex');
	known.set(file, { state, hash: digest });
	return digest;
}
