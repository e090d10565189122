import { hostname } from 'node:os';
import path from 'node:path';
import { VpmuError } from './errors.ts';
import { shorten } from './foreign.ts';

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

/** What a holder of ours says of itself stands last on its command line, and is shorter. */
const longestHolder = 2000;
const longestCommand = 200;

/** Reads a `busy` line of {@link holdLock}; `null` when it names nobody. The words are those of whoever holds the lock. */
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

/** What {@link thisHolder} made; `undefined` for somebody else's words, which are shown as they are. */
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
