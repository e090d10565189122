import { type Dirent, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Returns everything below a folder. Links are listed and not followed: `readdirSync` with `recursive` enters folders that links
 * point to (Node 24), which in an unpacked package are those of this machine.
 *
 * @throws the system's error for a folder that cannot be read
 */
export function entriesBelow(folder: string): Dirent[] {
	const found: Dirent[] = [];
	const queue = [folder];
	for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
		for (const entry of readdirSync(at, { withFileTypes: true })) {
			found.push(entry);
			if (entry.isDirectory()) queue.push(path.join(at, entry.name));
		}
	}
	return found;
}
