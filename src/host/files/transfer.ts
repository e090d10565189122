import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../lib/errors.ts';
import { quoteCommand } from '../../lib/text/quote.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { HostError } from '../errors.ts';
import type { Host, HostProcess } from '../host.ts';
import { lastLines } from '../lines.ts';
import { startArchive } from './archive.ts';

/**
 * Unpacks the tar archive that `archive` writes to its standard output into the new folder `into` on the host. Then runs the
 * shell command `finish` there. @throws HostError
 */
export type Unpack = (archive: HostProcess, into: string, finish: string, options: WaitOptions) => Promise<void>;

async function pump(host: Host, from: HostProcess, to: HostProcess, what: string, options: WaitOptions): Promise<void> {
	const complaints = [lastLines(from.stderr), lastLines(to.stderr)];
	to.stdout.resume();
	from.stdin.end();
	const work = pipeline(from.stdout, to.stdin).catch((error: unknown) => error);
	const [failed, sent, taken] = await within(what, Promise.all([work, from.exited, to.exited]), options);
	const evidence = complaints.flatMap(lines => lines());
	// tar may end before it has read what follows the end of the archive, which breaks the pipe.
	if (sent.status === 0 && taken.status === 0) return;
	const why = evidence[0] ?? (failed === undefined ? 'tar failed' : messageOf(failed));
	throw new HostError(`${what} failed: ${why}`, {
		host: host.name,
		failure: 'copy',
		evidence,
		cause: failed,
		blame: host.kind === 'board' ? 'board' : 'host',
	});
}

/** Creates `$1` and unpacks into it. */
const unpack = 'umask 022 && mkdir -p -- "$1" && tar -x -o -f - -C "$1"';

/** Unpacks through a command on the host. */
export const unpackOver =
	(host: Host): Unpack =>
	async (archive, into, finish, options) => {
		await using remote = await host.spawn(['sh', '-c', `${unpack} && ${finish}`, 'sh', into]);
		await pump(host, archive, remote, `copying to ${host.name}`, options);
	};

/** Runs a command and returns its output. @throws HostError when it does not end with status 0 */
export async function checked(
	host: Host,
	what: string,
	argv: readonly string[],
	options: WaitOptions,
): Promise<string> {
	const { status, stdout, stderr } = await host.run(argv, options);
	if (status === 0) return stdout.toString();
	const evidence = stderr.toString().split('\n').filter(Boolean);
	throw new HostError(`${what} on ${host.name} failed: ${evidence.at(-1) ?? `status ${status}`}`, {
		host: host.name,
		failure: 'copy',
		evidence,
		blame: host.kind === 'board' ? 'board' : 'host',
	});
}

/** Resolves symbolic links in a path, because tar and the hash need the real file. */
export async function existing(host: Host, localPath: string): Promise<string> {
	return await realpath(localPath).catch(cause => {
		throw new HostError(`cannot copy '${localPath}' to ${host.name}: ${messageOf(cause)}`, {
			host: 'local',
			failure: 'copy',
			cause,
		});
	});
}

/** Moves `$1/$2` over `$3` and removes `$1`. An existing folder `$3` is removed first. */
const moveInto = '[ ! -d "$3" ] || rm -rf -- "$3"; mv -f -- "$1/$2" "$3" && rm -rf -- "$1"';

/** Copies a file or folder to a host: unpacks it next to the target, then renames it. @throws HostError */
export async function putByTar(
	host: Host,
	localPath: string,
	hostPath: string,
	options: WaitOptions,
	unpackFast: Unpack = unpackOver(host),
): Promise<void> {
	const source = await existing(host, localPath);
	const into = `${hostPath}.vpmu-${crypto.randomUUID().slice(0, 8)}`;
	try {
		await using archive = await startArchive(source);
		const finish = quoteCommand(['sh', '-c', moveInto, 'sh', into, path.basename(source), hostPath]);
		await unpackFast(archive, into, finish, options);
	} catch (error) {
		await host.run(['rm', '-rf', '--', into], { timeoutMs: 10_000 }).catch(() => undefined);
		throw error;
	}
}
