import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { drainInto, harmless } from '../../lib/text/streams.ts';
import type { HostProcess, ProcessExit } from '../host.ts';
import { lastLines } from '../lines.ts';
import { spawnLocal } from '../processes/process.ts';

/**
 * File modes in the archive. Another user may run the files on the host: everyone can read them, only the owner can write,
 * and setuid, setgid and sticky bits are cleared.
 */
const archiveMode = 'u+rw,go=rX,a-st';

/** More complaints than this are not checked one by one. */
const maxComplaints = 1000;

/**
 * Starts a local `tar` that archives the last part of `localPath`. The caller owns the process.
 *
 * GNU tar ends with status 1 if a file's change time moved while it read the file (create.c, dump_file0). A new hard link
 * moves it too, and the cache links the libraries of packages into new roots. So status 1 counts as success if tar
 * complains of nothing else and no file it names was written to since the start.
 */
export async function startArchive(localPath: string): Promise<HostProcess> {
	const { dir, base } = path.parse(path.resolve(localPath));
	// File systems stamp files with the time of the last clock tick.
	const startMs = Date.now() - 50;
	const tar = await spawnLocal(['tar', '-c', `--mode=${archiveMode}`, '-C', dir, '--', base], { env: { LC_ALL: 'C' } });
	const complaints = lastLines(tar.stderr, { count: maxComplaints, bytes: 1 << 20 });
	const stderr = harmless(new PassThrough());
	const allRead = drainInto(tar.stderr, stderr).then(() => stderr.end());
	const exited = tar.exited.then(async (exit): Promise<ProcessExit> => {
		if (exit.status !== 1) return exit;
		await allRead;
		return (await isOnlyLinked(complaints(), dir, startMs)) ? { status: 0, signal: null } : exit;
	});
	return {
		pid: tar.pid,
		stdin: tar.stdin,
		stdout: tar.stdout,
		stderr,
		exited,
		kill: signal => tar.kill(signal),
		[Symbol.asyncDispose]: () => tar[Symbol.asyncDispose](),
	};
}

async function isOnlyLinked(complaints: readonly string[], dir: string, startMs: number): Promise<boolean> {
	if (complaints.length === 0 || complaints.length >= maxComplaints) return false;
	for (const line of complaints) {
		const name = /^tar: (.+): file changed as we read it$/.exec(line)?.[1];
		if (name === undefined) return false;
		const found = await lstat(path.join(dir, name)).catch(() => undefined);
		if (found === undefined || found.mtimeMs >= startMs) return false;
	}
	return true;
}
