import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { runTool } from '../cache/tool.ts';
import { debianProgram, hostArchitecture } from '../program.ts';
import { isRoot, withoutPrivileges } from './availability.ts';

/** bubblewrap, and how it is started. */
export interface Bubblewrap {
	/** A folder that has to be reachable, or undefined for the machine's own program. */
	readonly folder: string | undefined;
	/** The beginning of its command line, `folder` standing at `at`. */
	command(at: string): string[];
}

/** The machine's bubblewrap where it can forbid further namespaces (0.8 or newer), else Debian's, out of the cache. */
export async function findBubblewrap(cache: Cache): Promise<Bubblewrap> {
	const own = ['/usr/bin/bwrap', '/bin/bwrap', '/usr/local/bin/bwrap'].find(file => existsSync(file));
	if (own !== undefined) {
		const { stdout } = await runTool([own, '--help'], { signal: cache.signal });
		if (stdout.includes('--disable-userns')) return { folder: undefined, command: () => [own] };
	}
	const program = await debianProgram(cache, {
		...{ suite: 'trixie', architecture: hostArchitecture(), packages: ['bubblewrap'], program: '/usr/bin/bwrap' },
	});
	return { folder: program.root, command: at => program.command(at) };
}

/** A folder of the host and where it stands in the sandbox. */
export interface SandboxMount {
	readonly from: string;
	readonly to: string;
	readonly writable: boolean;
}

/** Devices that cannot reach anything. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/**
 * The options of bubblewrap for a sandbox: every namespace of its own, a network with nothing in it, no capabilities, no further
 * user namespaces, a root that is read-only.
 *
 * @param root what stands at `/`
 * @param mounts later ones may stand in earlier ones
 */
export function bubblewrapOptions(
	root: string,
	mounts: readonly SandboxMount[],
	env: Readonly<Record<string, string>>,
	tmpBytes: number,
): string[] {
	return [
		...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
		...['--disable-userns', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--hostname', 'sandbox'],
		...(isRoot() ? [] : ['--uid', '60646', '--gid', '60646']),
		...['--clearenv', ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value])],
		...['--ro-bind', root, '/', '--proc', '/proc', '--tmpfs', '/dev'],
		...devices.flatMap(name => ['--dev-bind', `/dev/${name}`, `/dev/${name}`]),
		...['--symlink', '/proc/self/fd', '/dev/fd', '--symlink', '/proc/self/fd/0', '/dev/stdin'],
		...['--symlink', '/proc/self/fd/1', '/dev/stdout', '--symlink', '/proc/self/fd/2', '/dev/stderr'],
		...['--size', String(16 * 1024 ** 2), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
		...['--size', String(tmpBytes), '--perms', '0700', '--tmpfs', '/tmp'],
		...mounts.flatMap(({ from, to, writable }) => [writable ? '--bind' : '--ro-bind', from, to]),
		...['--chdir', '/mnt'],
	];
}

/** Folders that every system has and nothing of ours lies in; the first that holds none of the sources becomes the stage. */
const stages = ['/mnt', '/media', '/srv', '/opt', '/home', '/var/tmp'];

/**
 * The whole command line of a sandbox. A plain user starts bubblewrap as it is. As root, a mount namespace is made first, in which
 * the folders that are needed stand where {@link sandboxId} reaches them, read-only where they have to be: namespaces below it
 * cannot change that (mount_namespaces(7), "locked"). Then root is given up for good.
 */
export function sandboxCommand(
	bubblewrap: Bubblewrap,
	root: string,
	mounts: readonly SandboxMount[],
	env: Readonly<Record<string, string>>,
	tmpBytes: number,
	command: readonly string[],
): string[] {
	if (!isRoot()) {
		const options = bubblewrapOptions(root, mounts, env, tmpBytes);
		return [...bubblewrap.command(bubblewrap.folder ?? ''), ...options, '--', ...command];
	}
	const sources = [
		root,
		...(bubblewrap.folder === undefined ? [] : [bubblewrap.folder]),
		...mounts.map(mount => mount.from),
	];
	const stage = stages.find(one => existsSync(one) && sources.every(from => !`${from}/`.startsWith(`${one}/`)))!;
	const at = (name: string) => path.join(stage, name);
	const staged = mounts.map((mount, index) => ({ ...mount, from: at(`mount-${index}`), source: mount.from }));
	const script = [
		'set -e; stage=$1; shift',
		'mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev sandbox "$stage"',
		'while [ "$1" != -- ]; do',
		'  mkdir "$2"; mount --bind "$1" "$2"; mount -o "remount,bind,nosuid,nodev,$3" "$2"; shift 3',
		'done; shift',
		'mount -o remount,ro "$stage"; cd /',
		'exec "$@"',
	].join('\n');
	const binds = [
		...[root, at('root'), 'ro'],
		...(bubblewrap.folder === undefined ? [] : [bubblewrap.folder, at('bubblewrap'), 'ro']),
		...staged.flatMap(({ source, from, writable }) => [source, from, writable ? 'rw' : 'ro']),
	];
	return [
		...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', stage, ...binds, '--'],
		...[...withoutPrivileges, ...bubblewrap.command(at('bubblewrap'))],
		...[...bubblewrapOptions(at('root'), staged, env, tmpBytes), '--', ...command],
	];
}
