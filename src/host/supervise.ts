import { quoteCommand, quoteWord } from '../lib/quote.ts';
import type { SpawnOptions } from './host.ts';

/*
 * Who watches whom. A program must die when we die, also by SIGKILL, so something that outlives us has to notice: a
 * second process in the program's own process group that does nothing but wait for the end of a file that we hold open
 * (the lifeline), then kills the group, itself included. It is started before the program takes the shell's place by
 * exec, so the program's process id is the shell's, and its exit status and signal reach its parent as they are, with
 * no shell in between to turn a signal into 128+n. A process group's number is not given to a new process while a
 * member is alive, and the watcher is one: the kill cannot hit a stranger.
 */

const watcher = (lifeline: string) =>
	`(trap '' HUP INT QUIT TERM; (read -r _ <${lifeline}; kill -s KILL -- -$$) </dev/null >/dev/null 2>&1 &)`;

/**
 * What a program that is not trusted is kept to: its files are its own, and none is longer than `maxFileBytes`. It hears
 * of that by a failed write (EFBIG) and not by SIGXFSZ, which would end a QEMU whose log is full.
 */
const confine = (maxFileBytes: number | undefined) =>
	maxFileBytes === undefined
		? ''
		: // POSIX counts blocks of 512 bytes.
			`umask 077; trap '' XFSZ; ulimit -f ${Math.ceil(maxFileBytes / 512)} || exit 126; `;

/** For `sh -c`: watches file descriptor 3, closes it and becomes the arguments. */
export function superviseByDescriptor(maxFileBytes?: number): string {
	return `${watcher('&3')}; exec 3<&-; ${confine(maxFileBytes)}exec "$@"`;
}

/**
 * A command for a remote login shell: prints its process id and a newline, watches the FIFO `lifeline`, and becomes
 * `argv`. sshd makes each session a process group of its own.
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
