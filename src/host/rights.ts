import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { quoteCommand, quoteWord } from '../lib/quote.ts';
import type { Untrusted } from './host.ts';

/*
 * A QEMU under test is foreign code. Where we are root it is not: it gives up root's rights before its first instruction,
 * and becomes a user whom nobody else is, in the group that may open /dev/kvm.
 */

/** In no range that distributions or systemd hand out (UIDS-GIDS.md of systemd), and within what containers map. */
export const untrustedId = 65_529;

/** Of util-linux, by its path: busybox has a lesser one of that name, and its shell prefers it. */
const setpriv = '/usr/bin/setpriv';

/** With whose rights a host runs what is not trusted. */
export type Rights =
	/** Our own: we are not root there. */
	| { readonly as: 'self' }
	/** Those of {@link untrustedId}, and of the group that may open /dev/kvm; `null` where only root may. */
	| { readonly as: 'nobody'; readonly kvmGroup: number | null }
	/** Root's: it cannot be avoided, and why. */
	| { readonly as: 'root'; readonly why: string };

/**
 * For a shell: sets `rights` to `self`, the number of the group that /dev/kvm needs, `nokvm` where no group helps, or
 * `setpriv` where that cannot change to another user.
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
	${quoteCommand(dropTo(untrustedId))} true 2>/dev/null || rights=setpriv
fi`;

/** Reads what {@link rightsScript} found. */
export function readRights(word: string): Rights {
	if (word === 'self') return { as: 'self' };
	if (word === 'nokvm') return { as: 'nobody', kvmGroup: null };
	if (/^\d{1,10}$/.test(word)) return { as: 'nobody', kvmGroup: Number(word) };
	return { as: 'root', why: `there is no ${setpriv} that can change to another user (Debian: util-linux)` };
}

/** Why only root can do what is asked; `null` when others can. */
export function obstacleTo({ needsKvm = false }: Pick<Untrusted, 'needsKvm'>, rights: Rights): string | null {
	if (rights.as === 'root') return rights.why;
	return needsKvm && rights.as === 'nobody' && rights.kvmGroup === null ? '/dev/kvm is open to root only' : null;
}

/** The command that gives up root's rights for good and becomes what follows. */
export function dropTo(group: number): string[] {
	return [
		...[setpriv, `--reuid=${untrustedId}`, `--regid=${untrustedId}`, `--groups=${group}`],
		...['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', '--'],
	];
}

/** A way to files for somebody whom folders on it keep out. */
export interface Way {
	/** The uppermost folders that keep others out, and what is needed in each: names of its entries. */
	readonly tops: ReadonlyMap<string, ReadonlySet<string>>;
	/** Folders and files on the way that must be opened, and how (chmod(1)). */
	readonly closed: ReadonlyMap<string, 'o+x' | 'o+rX'>;
}

/** Absolute paths of things that are there, in the words of a command, such as `-kernel PATH` or `file=PATH,size=1`. */
async function pathsIn(argv: readonly string[]): Promise<string[]> {
	const words = new Set(argv.flatMap(word => [word, ...word.split(/[=,:]/)]).filter(word => word.startsWith('/')));
	const found = await Promise.all([...words].map(async word => ((await stat(word).catch(() => null)) ? [word] : [])));
	return found.flat();
}

/**
 * What keeps other users from the files that a command names; `undefined` when nothing does. Only permission bits are
 * looked at.
 * @param own a folder that both sides must see as it is
 * @returns `impossible` where the way cannot be opened for one process alone
 */
export async function wayFor(argv: readonly string[], own: string): Promise<Way | 'impossible' | undefined> {
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
	if (closed.size === 0) return undefined;
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
	const hidden = [own, ...(await mountPoints())];
	const isImpossible = hidden.some(point => [...tops.keys()].some(top => isBelow(point, top)));
	return isImpossible ? 'impossible' : { tops, closed };
}

const isBelow = (file: string, folder: string) => file === folder || file.startsWith(`${folder}/`);

/** Where something is mounted: it would not be seen through a folder that is laid over its own. */
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
 * The command that opens a way for what follows, and for nobody else: in a mount namespace of its own, folders that keep
 * others out are laid over with themselves, where what is needed can be reached and what stands beside it cannot.
 * @param room an empty folder for what differs
 */
export function openWay({ tops, closed }: Way, room: string): string[] {
	const quoted = quoteWord(room);
	const lay = [...tops].map(([top, names], index) => {
		const upper = `${room}/${index}`;
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
mount -t tmpfs -o mode=711 vpmu ${quoted}
${lay.join('\n')}
${[...closed].map(([one, mode]) => `chmod ${mode} -- ${quoteWord(one)}`).join('\n')}
exec "$@"`;
	return ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'vpmu-way'];
}
