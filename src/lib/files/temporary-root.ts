import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Folders for sockets where TMPDIR cannot have them, best first. */
const otherRoots = (env: Environment) => [env.XDG_RUNTIME_DIR, '/tmp', '/var/tmp', '/dev/shm'];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The longest temporary folder in bytes. The path of a Unix socket has at most 107 bytes (unix(7)), and the longest ones here
 * are `/vpmu-4194304-w-XXXXXX/123` and ssh's 17 characters more while it makes one.
 */
const longestRoot = 60;

/**
 * Returns the folder for sockets and logs of QEMU and ssh: TMPDIR, or `/tmp` if it is not set. If TMPDIR cannot have them,
 * returns another folder and the reason.
 */
export function temporaryRoot(env: Environment = process.env): {
	readonly path: string;
	readonly insteadBecause?: string;
} {
	const wanted = env.TMPDIR;
	if (!wanted) return { path: '/tmp' };
	const problem = obstacleIn(wanted);
	if (problem === undefined) return { path: wanted };
	const other = otherRoots(env).find(
		one => one !== undefined && one !== '' && obstacleIn(one) === undefined && isWritable(one),
	);
	return { path: other ?? '/tmp', insteadBecause: problem };
}

function obstacleIn(folder: string): string | undefined {
	const bytes = Buffer.byteLength(folder);
	if (!path.isAbsolute(folder)) return 'is not an absolute path';
	if (bytes > longestRoot) return `is ${bytes} bytes long, more than the ${longestRoot} that Unix sockets allow`;
	// QEMU's -D and ssh's ControlPath expand them.
	if (/%|\$\{|[\p{Cc}\uFFFD]/u.test(folder))
		return "has '%', '${', or unreadable characters in it, which QEMU and ssh expand";
	return undefined;
}

function isWritable(folder: string): boolean {
	try {
		accessSync(folder, constants.W_OK | constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
