import { hostname } from 'node:os';
import path from 'node:path';
import { DeadlineError, type WaitOptions, within } from '../lib/deadline.ts';
import { UsageError } from '../lib/errors.ts';
import { HostError, LockBusyError, type LockHolder } from './errors.ts';
import type { Host, HostLock } from './host.ts';
import { firstLines, lastLines } from './lines.ts';

/**
 * Holds the lock for as long as it lives: the kernel releases it with the process, and the process goes with us. The
 * file stays: to remove a locked file is a race. First line of output: `held`, or `busy` and what the holder wrote.
 */
const hold = `
umask 077
folder=\${XDG_RUNTIME_DIR:-/tmp}/vpmu-locks-$(id -u)
mkdir -p "$folder" && cd "$folder" || exit 71
exec 9>>"$1" || exit 71
flock -n 9 || {
	[ $? = 127 ] && exit 127
	printf 'busy %s\\n' "$(cat <"$1")"
	flock 9 || exit 71
}
printf '%s\\n' "$2" >"$1"
echo held
exec cat >/dev/null`;

const answerMs = 30_000;

/** Takes a kernel-released lock on a host. The caller owns it. @throws LockBusyError, HostError, the signal's reason */
export async function takeLock(host: Host, name: string, options: WaitOptions): Promise<HostLock> {
	if (!/^[\w.:-]{1,100}$/.test(name)) {
		throw new UsageError(`'${name}' is no name of a lock; allowed: up to 100 letters, digits and . : _ -`);
	}
	const holder: LockHolder = {
		pid: process.pid,
		machine: hostname(),
		command: [path.basename(process.argv[1] ?? 'node'), ...process.argv.slice(2)].join(' ').slice(0, 200),
		since: new Date().toISOString(),
	};
	const blame = host.kind === 'board' ? 'board' : 'host';
	await using stack = new AsyncDisposableStack();
	const child = stack.use(await host.spawn(['sh', '-c', hold, 'vpmu-lock', name, JSON.stringify(holder)]));
	child.stdin.on('error', () => undefined);
	const stderr = lastLines(child.stderr);
	const lines = firstLines(child.stdout);
	const busy = Promise.withResolvers<LockHolder | null>();
	const held = (async () => {
		for await (const line of lines) {
			if (line === 'held') return 'held' as const;
			if (line.startsWith('busy ')) busy.resolve(readHolder(line.slice(5)));
		}
		const exit = await child.exited;
		const why = exit.status === 127 ? "it has no 'flock'" : (stderr().at(-1) ?? 'the process that holds it ended');
		throw new HostError(`cannot take the lock '${name}' on ${host.name}: ${why}`, {
			host: host.name,
			failure: exit.status === 127 ? 'no-tool' : 'other',
			evidence: stderr(),
			blame,
		});
	})();
	held.catch(() => undefined);
	const { signal, timeoutMs } = options;
	const startedAt = performance.now();
	// Even who does not want to wait for the lock waits for the answer.
	const first = await within(`asking for the lock '${name}'`, Promise.race([held, busy.promise]), {
		signal,
		timeoutMs: answerMs,
	});
	if (first !== 'held') {
		const left = timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - startedAt));
		try {
			await within(`the lock '${name}'`, held, { signal, timeoutMs: left });
		} catch (error) {
			throw error instanceof DeadlineError ? new LockBusyError(name, host.name, first, blame) : error;
		}
	}
	const owned = stack.move();
	return { name, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function readHolder(text: string): LockHolder | null {
	try {
		const value = JSON.parse(text) as LockHolder;
		return typeof value.pid === 'number' && typeof value.command === 'string' ? value : null;
	} catch {
		return null;
	}
}
