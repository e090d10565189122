import { makeFolder } from '../../lib/files/make-folder.ts';
import type { Cache } from '../cache/cache.ts';
import { commands, hasTool } from '../cache/tool.ts';
import { download, forgetIndex, prepareApt, resolve, updateIndex } from './apt.ts';
import type { DebianArchive } from './archive.ts';
import { openOwnArchive } from './own/archive.ts';
import type { Architecture } from './pins.ts';

/**
 * Opens a suite: with the machine's apt and dpkg if it has both, else with what vpmu brings.
 * @throws UsageError for a malformed suite; VpmuError (blame `host`) when nothing names a mirror
 */
export async function openArchive(cache: Cache, suite: string, architecture: Architecture): Promise<DebianArchive> {
	return hasApt() ? await openAptArchive(cache, suite, architecture) : await openOwnArchive(cache, suite, architecture);
}

/** Whether this machine has all of apt and dpkg that is needed. */
export const hasApt = () => ['apt-get', 'apt-config', 'dpkg-deb'].every(hasTool);

/** With the machine's apt. @throws as {@link openArchive} */
export async function openAptArchive(cache: Cache, suite: string, architecture: Architecture): Promise<DebianArchive> {
	const over = (apt: Awaited<ReturnType<typeof prepareApt>>): DebianArchive => ({
		...{ suite, architecture, mirrors: apt.mirrors, absent: apt.absent },
		update: async force => over(await updateIndex(cache, apt, force)),
		forget: () => forgetIndex(apt),
		resolve: packages => resolve(cache, apt, packages),
		download: (packages, to) => download(cache, apt, packages, to),
		async unpack(deb, to) {
			await makeFolder(to);
			// As root, 'dpkg-deb --extract' gives files their owners, which a container without root's rights cannot do.
			const unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x -p --no-same-owner -C "$2"';
			await commands({ signal: cache.signal })`sh -c ${unpack} unpack ${deb} ${to}`;
			// Nothing is installed, so no program of a package may run as somebody else.
			await commands({ signal: cache.signal })`chmod -R ug-s,o-t,go-w ${to}`;
		},
	});
	return over(await prepareApt(cache, suite, architecture));
}
