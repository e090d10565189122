import { quoteCommand, quoteWord } from '../../lib/text/quote.ts';
import type { SpawnOptions } from '../host.ts';

/*
 * How a program is killed when this process dies, even by SIGKILL. A second process, the watcher, runs in the program's
 * process group. It waits for the end of a file that this process holds open (the lifeline), then kills the group, itself
 * included. A shell starts the watcher and then execs the program. So the program has the shell's process id, and its parent
 * sees its real exit status and signal, without a shell that turns a signal into 128+n. A process group's number is not
 * reused while a member is alive, and the watcher is a member: the kill cannot hit an unrelated process.
 */

const watcher = (lifeline: string) =>
	`(trap '' HUP INT QUIT TERM; (read -r _ <${lifeline}; kill -s KILL -- -$$) </dev/null >/dev/null 2>&1 &)`;

/**
 * Restricts an untrusted program: its files are private, and none grows beyond `maxFileBytes`. A write beyond that fails with
 * EFBIG. SIGXFSZ is ignored, because it would kill a QEMU whose log is full.
 */
const confine = (maxFileBytes: number | undefined) =>
	maxFileBytes === undefined
		? ''
		: // POSIX counts blocks of 512 bytes.
			`umask 077; trap '' XFSZ; ulimit -f ${Math.ceil(maxFileBytes / 512)} || exit 126; `;

/** A script for `sh -c`: starts a watcher of file descriptor 3, closes the descriptor and execs the arguments. */
export function superviseByDescriptor(maxFileBytes?: number): string {
	return `${watcher('&3')}; exec 3<&-; ${confine(maxFileBytes)}exec "$@"`;
}

/**
 * Makes a command for a remote login shell: prints its process id and a newline, starts a watcher of the FIFO `lifeline`, and
 * execs `argv`. sshd makes each session its own process group.
 */
export function superviseByFifo(
	argv: readonly string[],
	lifeline: string,
	{ env = {}, cwd, untrusted }: SpawnOptions,
): string {
	const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoteWord(value)}; `);
	const enter = cwd === undefined ? '' : `cd -- ${quoteWord(cwd)} || exit 126; `;
	const script = `echo $$; ${watcher(quoteWord(lifeline))}; ${enter}${exports.join('')}${confine(untrusted?.maxFileBytes)}exec "$@"`;
	return `exec ${quoteCommand(['sh', '-c', script, 'sh', ...argv])}`;
}
