import { quoteCommand, quoteWord } from '../lib/quote.ts';

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

/** For `sh -c`: watches file descriptor 3, closes it and becomes the arguments. */
export const superviseByDescriptor = `${watcher('&3')}; exec 3<&-; exec "$@"`;

/**
 * A command for a remote login shell: prints its process id and a newline, watches the FIFO `lifeline`, and becomes
 * `argv`. sshd makes each session a process group of its own.
 */
export function superviseByFifo(
	argv: readonly string[],
	lifeline: string,
	{ env = {}, cwd }: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string | undefined },
): string {
	const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoteWord(value)}; `);
	const enter = cwd === undefined ? '' : `cd -- ${quoteWord(cwd)} || exit 126; `;
	const script = `echo $$; ${watcher(quoteWord(lifeline))}; ${enter}${exports.join('')}exec "$@"`;
	return `exec ${quoteCommand(['sh', '-c', script, 'sh', ...argv])}`;
}
