import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { requireTool } from '../cache/tool.ts';
import { type CpioEntry, completeEntries } from '../cpio.ts';
import { debianProgram, hostArchitecture, type ProgramRoot } from '../program.ts';

/** Debian's mksquashfs, for this machine. The suite is fixed: another version writes other bytes. */
export async function squashfsTool(cache: Cache): Promise<ProgramRoot> {
	return await debianProgram(cache, {
		suite: 'trixie',
		architecture: hostArchitecture(),
		packages: ['squashfs-tools'],
		program: '/usr/bin/mksquashfs',
	});
}

/**
 * Writes entries as a squashfs file system, compressed by gzip: what every kernel that has squashfs can read. All belongs
 * to root and is of 1970, so that equal entries are equal bytes.
 *
 * @param staging a folder that does not exist yet; gone afterwards
 * @throws VpmuError (blame `host`) when the disk of this machine is full
 */
export async function writeSquashfs(
	tool: ProgramRoot,
	entries: Iterable<CpioEntry>,
	{ to, staging, signal }: { readonly to: string; readonly staging: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
	const devices: string[] = [];
	const modes: [string, number][] = [];
	// Left by a build that was killed.
	await rm(staging, { recursive: true, force: true });
	await mkdir(staging);
	try {
		for (const entry of completeEntries(entries)) {
			const place = path.join(staging, entry.path);
			if ('device' in entry) {
				// A user without root makes no devices: mksquashfs does.
				const mode = (entry.mode ?? 0o600).toString(8);
				devices.push('-p', `/${entry.path} ${entry.device[0]} ${mode} 0 0 ${entry.device[1]} ${entry.device[2]}`);
			} else if ('symlink' in entry) await symlink(entry.symlink, place);
			else if ('directory' in entry) {
				await mkdir(place);
				modes.push([place, entry.mode ?? 0o755]);
			} else {
				await writeFile(place, entry.content);
				await chmod(place, entry.mode ?? 0o644);
			}
		}
		// Folders last: one may be closed to its owner.
		for (const [place, mode] of modes.reverse()) await chmod(place, mode);
		const fixed = [
			'-all-root',
			'-all-time',
			'0',
			'-mkfs-time',
			'0',
			'-root-mode',
			'755',
			'-no-xattrs',
			'-comp',
			'gzip',
		];
		await requireTool(
			[...tool.command(tool.root), staging, to, '-noappend', '-quiet', '-no-progress', ...fixed, ...devices],
			{ signal },
		);
	} finally {
		await rm(staging, { recursive: true, force: true });
	}
}
