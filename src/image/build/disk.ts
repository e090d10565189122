import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { requireTool } from '../cache/tool.ts';
import { type CpioEntry, completeEntries } from '../cpio.ts';
import { debianProgram, hostArchitecture, type ProgramRoot } from '../program.ts';

/** Debian's mksquashfs, for this machine. The suite is fixed, because another version writes other bytes. */
export async function squashfsTool(cache: Cache): Promise<ProgramRoot> {
	return await debianProgram(cache, {
		suite: 'trixie',
		architecture: hostArchitecture(),
		packages: ['squashfs-tools'],
		program: '/usr/bin/mksquashfs',
	});
}

/**
 * Writes entries as a gzip-compressed squashfs file system, which every kernel with squashfs can read. All files belong
 * to root and have the time 0 (1970), so that equal entries give equal bytes.
 *
 * @param staging a folder that does not exist yet; removed afterwards
 * @throws VpmuError (blame `host`) when this machine's disk is full
 */
export async function writeSquashfs(
	tool: ProgramRoot,
	entries: Iterable<CpioEntry>,
	{ to, staging, signal }: { readonly to: string; readonly staging: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
	const devices: string[] = [];
	const modes: [string, number][] = [];
	// It may be left over from a build that was killed.
	await rm(staging, { recursive: true, force: true });
	await mkdir(staging);
	try {
		for (const entry of completeEntries(entries)) {
			const place = path.join(staging, entry.path);
			if ('device' in entry) {
				// An unprivileged user cannot make device nodes, but mksquashfs can.
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
		// Folders last: one may be read-only for its owner.
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
