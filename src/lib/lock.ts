import { hostname } from 'node:os';
import path from 'node:path';
import { VpmuError } from './errors.ts';

/** Who holds a lock, as far as it can be told. */
export interface LockHolder {
	readonly pid: number;
	/** Name of the machine on which the holder runs (not the machine of the lock). */
	readonly machine: string;
	readonly command: string;
	/** ISO 8601; `null` when the holder is not one of ours. */
	readonly since: string | null;
}

/** A lock that somebody else holds. Exit status 75. */
export class LockBusyError extends VpmuError {
	override readonly name = 'LockBusyError';
	readonly code = 'LOCK_BUSY';
	readonly lockName: string;
	/** `null` when the holder cannot be told. */
	readonly holder: LockHolder | null;

	constructor(lockName: string, host: string, holder: LockHolder | null, blame: 'host' | 'board' = 'host') {
		const by =
			holder === null
				? 'somebody who cannot be told'
				: `process ${holder.pid} on ${holder.machine} (${holder.command})${holder.since === null ? '' : ` since ${holder.since}`}`;
		super(`the lock '${lockName}' on ${host} is held by ${by}`, { blame });
		this.lockName = lockName;
		this.holder = holder;
	}
}

/**
 * Holds a lock for as long as its standard input is open: for `sh -c`. Arguments: the file or folder to lock (a plain
 * name stands in the cache of the user), who we are as JSON, and `wait` or `no-wait`. Writes `held` when it holds the
 * lock, before that `busy PID COMMAND` when somebody else does; ends with 75 when it is not to wait, and stops waiting at
 * the end of its input.
 *
 * The kernel keeps the lock (flock(2)) on something that is there anyway, and releases it with the last process that has
 * it open: nothing is left behind. Who holds it says /proc/locks, which names the inode and the process `flock`; and
 * who that works for stands in its command line.
 */
export const holdLock = `
case $1 in
/*) target=$1 ;;
*)
	folder=\${XDG_CACHE_HOME:-\${HOME:-/tmp}/.cache}/vpmu/locks
	mkdir -p -- "$folder" || exit 71
	target=$folder/$1.lock
	;;
esac
hold='echo held; exec cat >/dev/null'
flock -n "$target" sh -c "$hold" vpmu-lock "$2"
status=$?
[ $status = 1 ] || exit $status
inode=$(stat -L -c %i "$target") || exit 71
while read -r _ kind _ _ pid where _; do
	case $kind:$where in
	FLOCK:*:"$inode")
		printf 'busy %s %s\\n' "$pid" "$(tr '\\000\\n' '  ' <"/proc/$pid/cmdline")"
		break
		;;
	esac
done </proc/locks
[ "$3" = wait ] || exit 75
exec 9<&0
(read -r _ <&9; kill -s KILL $$) >/dev/null 2>&1 &
exec flock "$target" sh -c "$hold" vpmu-lock "$2"`;

/** This process, as who waits for its locks is told. */
export function thisHolder(): LockHolder {
	return {
		pid: process.pid,
		machine: hostname(),
		command: [path.basename(process.argv[1] ?? 'node'), ...process.argv.slice(2)].join(' ').slice(0, 200),
		since: new Date().toISOString(),
	};
}

/** Reads a `busy` line of {@link holdLock}; `null` when it names nobody. */
export function readBusyLine(line: string, machine: string): LockHolder | null {
	const match = /^busy (\d+) (.*)$/.exec(line);
	if (match === null) return null;
	const [, pid = '', command = ''] = match;
	const ours = /vpmu-lock (\{.*\})\s*$/.exec(command)?.[1];
	try {
		if (ours !== undefined) return JSON.parse(ours) as LockHolder;
	} catch {
		// Somebody else's words: shown as they are.
	}
	return { pid: Number(pid), machine, command: command.trim().slice(0, 200), since: null };
}
