import { hostname } from 'node:os';
import path from 'node:path';
import { VpmuError } from '../errors.ts';
import { shorten } from '../text/foreign.ts';

/** Who holds a lock, as far as known. */
export interface LockHolder {
	readonly pid: number;
	/** Name of the machine that the holder runs on (not the machine of the lock). */
	readonly machine: string;
	readonly command: string;
	/** ISO 8601; `null` if the holder is not a vpmu process. */
	readonly since: string | null;
}

/** Another process holds the lock. Exit status 75. */
export class LockBusyError extends VpmuError {
	override readonly name = 'LockBusyError';
	readonly code = 'LOCK_BUSY';
	readonly lockName: string;
	/** `null` if the holder is unknown. */
	readonly holder: LockHolder | null;

	constructor(lockName: string, host: string, holder: LockHolder | null, blame: 'host' | 'board' = 'host') {
		const by =
			holder === null
				? 'an unknown process'
				: `process ${holder.pid} on ${holder.machine} (${holder.command})${holder.since === null ? '' : ` since ${holder.since}`}`;
		super(`the lock '${lockName}' on ${host} is held by ${by}`, { blame });
		this.lockName = lockName;
		this.holder = holder;
	}
}

/**
 * A script for `sh -c` that holds a lock for as long as its standard input is open. Arguments: the file or folder to lock (a
 * plain name means a file in the user's cache), this process as JSON, and `wait` or `no-wait`. Prints `busy PID COMMAND` if
 * another process holds the lock, and `held` once it has the lock. Exits with 75 if the lock is busy and it must not wait.
 * Stops waiting at the end of its input.
 *
 * The lock is flock(2) on an existing file or folder. The kernel releases it with the last process that has the file open, so
 * nothing is left behind. To name the holder, the script reads /proc/locks for the inode: that gives the PID of the `flock`
 * process, whose command line says which process it works for.
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

/** Describes this process to others that wait for its locks. */
export function thisHolder(): LockHolder {
	return {
		pid: process.pid,
		machine: hostname(),
		command: [path.basename(process.argv[1] ?? 'node'), ...process.argv.slice(2)].join(' ').slice(0, 200),
		since: new Date().toISOString(),
	};
}

/** A vpmu process describes itself in the last argument of its command line, in fewer characters than this. */
const longestHolder = 2000;
const longestCommand = 200;

/** Parses a `busy` line of {@link holdLock}; `null` if it names no process. The text is the holder's and is not trusted. */
export function readBusyLine(line: string, machine: string): LockHolder | null {
	const match = /^busy (\d{1,10}) (.*)$/.exec(line);
	if (match === null) return null;
	const [, pid = '', command = ''] = match;
	const end = command.slice(-longestHolder).trimEnd();
	const at = end.lastIndexOf(holderMark);
	const ours = at === -1 ? undefined : readHolder(end.slice(at + holderMark.length));
	return ours ?? { pid: Number(pid), machine, command: shorten(command.trim(), longestCommand), since: null };
}

const holderMark = 'vpmu-lock ';

/** Parses the output of {@link thisHolder}; `undefined` for any other text, which is shown unchanged. */
function readHolder(text: string): LockHolder | undefined {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		return undefined;
	}
	const { pid, machine, command, since } = (value ?? {}) as Record<keyof LockHolder, unknown>;
	if (typeof pid !== 'number' || typeof machine !== 'string' || typeof command !== 'string') return undefined;
	if (typeof since !== 'string' && since !== null) return undefined;
	return {
		pid,
		machine: shorten(machine, longestCommand),
		command: shorten(command, longestCommand),
		since: since === null ? null : shorten(since, longestCommand),
	};
}
