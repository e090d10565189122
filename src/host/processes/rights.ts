import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { quoteCommand, quoteWord } from '../../lib/text/quote.ts';
import type { Untrusted } from '../host.ts';

/*
 * A QEMU under test is untrusted code. When vpmu runs as root, QEMU must not: it drops root's rights before its first
 * instruction and runs as a user id that nothing else uses, in the group that may open /dev/kvm.
 */

/**
 * Outside all ranges that distributions or systemd assign (UIDS-GIDS.md of systemd), and inside the range that containers
 * map.
 */
export const untrustedId = 65_529;

/** util-linux's program, by its path: busybox has a reduced one of the same name, and busybox's shell prefers its own. */
const setpriv = '/usr/bin/setpriv';

/** The rights that a host gives to untrusted programs. */
export type Rights =
	/** The same as vpmu's, which is not root on that host. */
	| { readonly as: 'self' }
	/**
	 * Those of {@link untrustedId} and of the group that may open /dev/kvm; `own` if only root may open it, but the program can
	 * be given a device of its own; `null` if it cannot.
	 */
	| { readonly as: 'nobody'; readonly kvmGroup: number | 'own' | null }
	/** Root's, because it cannot be avoided; `why` says why. */
	| { readonly as: 'root'; readonly why: string };

/**
 * Runs the rest of its arguments where /dev/kvm is a device of its own, which {@link untrustedId} may open. `$1` is an empty
 * folder. The numbers of the device are in Linux' Documentation/admin-guide/devices.txt.
 */
const ownKvmScript = `set -e
room=$1
shift
mount -t tmpfs -o mode=700 vpmu "$room"
mknod -m 660 "$room/kvm" c 10 232
chgrp ${untrustedId} "$room/kvm"
mount --bind "$room/kvm" /dev/kvm
umount -l "$room"
exec "$@"`;

/**
 * Returns a command that gives the command in its arguments a /dev/kvm of its own. @param room a folder that is covered for a
 * moment, for this command alone
 */
export function ownKvm(room: string): string[] {
	return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', ownKvmScript, 'vpmu-kvm', room];
}

/**
 * Shell code that sets `rights` to `self`, the number of the group that may open /dev/kvm, `ownkvm` or `nokvm` if no group
 * may and a device of its own can or cannot be made, or `setpriv` if setpriv cannot change to another user.
 */
export const rightsScript = `
rights=self
if [ "$(id -u)" = 0 ]; then
	rights=${untrustedId}
	if [ -e /dev/kvm ]; then
		set -- $(stat -L -c '%a %g' /dev/kvm)
		case $1 in
		*[67]) ;;
		*[67]?) [ "$2" = 0 ] && rights=nokvm || rights=$2 ;;
		*) rights=nokvm ;;
		esac
	fi
	if [ $rights = nokvm ]; then
		${quoteCommand([...ownKvm('/tmp'), ...dropTo(untrustedId)])} sh -c '[ -r /dev/kvm ] && [ -w /dev/kvm ]' 2>/dev/null && rights=ownkvm
	fi
	${quoteCommand(dropTo(untrustedId))} true 2>/dev/null || rights=setpriv
fi`;

/** Parses the result of {@link rightsScript}. */
export function readRights(word: string): Rights {
	if (word === 'self') return { as: 'self' };
	if (word === 'ownkvm') return { as: 'nobody', kvmGroup: 'own' };
	if (word === 'nokvm') return { as: 'nobody', kvmGroup: null };
	if (/^\d{1,10}$/.test(word)) return { as: 'nobody', kvmGroup: Number(word) };
	return { as: 'root', why: `there is no ${setpriv} that can change to another user (Debian: util-linux)` };
}

/** Says why only root can start the program; `null` if other users can. */
export function obstacleTo({ needsKvm = false }: Pick<Untrusted, 'needsKvm'>, rights: Rights): string | null {
	if (rights.as === 'root') return rights.why;
	return needsKvm && rights.as === 'nobody' && rights.kvmGroup === null ? '/dev/kvm is open to root only' : null;
}

/** Returns the group of an untrusted program. */
export function groupOf({ kvmGroup }: Extract<Rights, { as: 'nobody' }>): number {
	return typeof kvmGroup === 'number' ? kvmGroup : untrustedId;
}

/** Returns a command that permanently drops root's rights and execs its arguments. */
export function dropTo(group: number): string[] {
	return [
		...[setpriv, `--reuid=${untrustedId}`, `--regid=${untrustedId}`, `--groups=${group}`],
		...['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--'],
	];
}

/** A way to give an untrusted program access to files in folders that are closed to other users. */
export interface Way {
	/** The topmost closed folders, and the names of the entries needed in each. */
	readonly tops: ReadonlyMap<string, ReadonlySet<string>>;
	/** Folders and files on the way whose mode must be changed, and how (chmod(1)). */
	readonly closed: ReadonlyMap<string, 'o+x' | 'o+rX'>;
	/** A folder below one of them in which vpmu and the program must see the same. */
	readonly shared: string | undefined;
}

/** Finds the absolute paths of existing files in the words of a command, such as `-kernel PATH` or `file=PATH,size=1`. */
async function pathsIn(argv: readonly string[]): Promise<string[]> {
	const words = new Set(argv.flatMap(word => [word, ...word.split(/[=,:]/)]).filter(word => word.startsWith('/')));
	const found = await Promise.all([...words].map(async word => ((await stat(word).catch(() => null)) ? [word] : [])));
	return found.flat();
}

/**
 * Finds out what prevents other users from reading the files that a command names, and from reaching a folder that belongs to
 * them; `undefined` if nothing does. Checks only permission bits.
 * @param shared a folder in which vpmu and the program must see the same
 * @returns `impossible` if the way cannot be opened for a single process
 */
export async function wayFor(argv: readonly string[], shared: string): Promise<Way | 'impossible' | undefined> {
	const closed = new Map<string, 'o+x' | 'o+rX'>();
	const paths = new Set<string>();
	for (const named of await pathsIn(argv)) {
		for (const one of [named, await realpath(named)]) {
			paths.add(one);
			for (let at = one; at !== '/'; at = path.dirname(at)) {
				const { mode } = await stat(at);
				const needs = at === one ? 0o004 | ((mode & 0o111) === 0 ? 0 : 0o001) : 0o001;
				if ((mode & needs) !== needs) closed.set(await realpath(at), at === one ? 'o+rX' : 'o+x');
			}
		}
	}
	const own = await realpath(shared);
	for (let at = path.dirname(own); at !== '/'; at = path.dirname(at)) {
		if (((await stat(at)).mode & 0o001) === 0) closed.set(at, 'o+x');
	}
	if (closed.size === 0) return undefined;
	paths.add(own);
	const tops = new Map<string, Set<string>>();
	for (const one of [...closed.keys()].sort((a, b) => a.length - b.length)) {
		const isFolder = (await stat(one)).isDirectory();
		const top = isFolder ? one : path.dirname(one);
		if (![...tops.keys()].some(known => isBelow(top, known))) tops.set(top, new Set());
	}
	for (const one of paths) {
		for (const [top, names] of tops) {
			if (isBelow(one, top) && one !== top) names.add(path.relative(top, one).split('/')[0]!);
		}
	}
	const isHidden = (point: string) => [...tops.keys()].some(top => isBelow(point, top));
	if ((await mountPoints()).some(isHidden)) return 'impossible';
	return { tops, closed, shared: isHidden(own) ? own : undefined };
}

const isBelow = (file: string, folder: string) => file === folder || file.startsWith(`${folder}/`);

/** Lists the mount points. Mounts below a folder are hidden when another folder is mounted over it. */
async function mountPoints(): Promise<string[]> {
	const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
	return table.split('\n').flatMap(line => {
		const point = line.split(' ')[4];
		return point === undefined
			? []
			: [point.replaceAll(/\\(\d{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)))];
	});
}

/**
 * Returns a command that opens a way only for the command in its arguments. It uses a new mount namespace: over each closed
 * folder it mounts a view in which the needed entries are reachable and the others are not.
 * @param room an empty folder for the changed views
 */
export function openWay({ tops, closed, shared }: Way, room: string): string[] {
	const lay = [...tops].map(([top, names], index) => {
		// A view may hide the room, so it is reached by a descriptor.
		const upper = `/proc/self/fd/8/${index}`;
		const options = `lowerdir=.,upperdir=${upper}/up,workdir=${upper}/work,metacopy=on`;
		const keep = [...names].map(name => `${quoteWord(name)}) continue ;;`).join(' ');
		return `mkdir -p ${quoteWord(`${upper}/up`)} ${quoteWord(`${upper}/work`)}
cd -- ${quoteWord(top)}
mount -t overlay vpmu -o ${quoteWord(options)} ${quoteWord(top)}
cd -- ${quoteWord(top)}
for entry in * .*; do
	case $entry in . | .. | '*' | '.*') continue ;; ${keep} esac
	[ -L "$entry" ] || [ ! -d "$entry" ] || chmod go-rwx -- "$entry"
done
cd /`;
	});
	const script = `set -e
${shared === undefined ? '' : `exec 7<${quoteWord(shared)}`}
mount -t tmpfs -o mode=711 vpmu ${quoteWord(room)}
exec 8<${quoteWord(room)}
${lay.join('\n')}
${[...closed].map(([one, mode]) => `chmod ${mode} -- ${quoteWord(one)}`).join('\n')}
${shared === undefined ? '' : `mount -c --bind /proc/self/fd/7 ${quoteWord(shared)}`}
exec 7<&- 8<&- "$@"`;
	return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'vpmu-way'];
}
