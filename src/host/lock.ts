import { UsageError } from '../lib/errors.ts';
import { holdLock, LockBusyError, type LockHolder, readBusyLine, thisHolder } from '../lib/files/lock.ts';
import { foreignLinesOf } from '../lib/text/streams.ts';
import { DeadlineError, type WaitOptions, within } from '../lib/waiting/deadline.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import { HostError } from './errors.ts';
import type { Host, HostLock } from './host.ts';
import { lastLines } from './lines.ts';

const answerMs = 30_000;

/** Takes a kernel-released lock on a host. The caller owns it. @throws LockBusyError, HostError, the signal's reason */
export async function takeLock(host: Host, name: string, options: WaitOptions): Promise<HostLock> {
	if (!/^([\w.:-]{1,100}|\/[\w.:/-]{1,200})$/.test(name)) {
		throw new UsageError(
			`'${name}' is not a valid lock name; allowed: up to 100 letters, digits and . : _ -, or the path of the file to lock`,
		);
	}
	const { signal, timeoutMs } = options;
	const blame = host.kind === 'board' ? 'board' : 'host';
	await using stack = new AsyncDisposableStack();
	const patience = timeoutMs === 0 ? 'no-wait' : 'wait';
	const words = [name, JSON.stringify(thisHolder()), patience];
	const child = stack.use(await host.spawn(['sh', '-c', holdLock, 'vpmu-lock', ...words]));
	child.stdin.on('error', () => undefined);
	const stderr = lastLines(child.stderr);
	const lines = foreignLinesOf(child.stdout);
	const busy = Promise.withResolvers<LockHolder | null>();
	let holder: LockHolder | null = null;
	const held = (async () => {
		for await (const line of lines) {
			if (line === 'held') return 'held' as const;
			holder = readBusyLine(line, host.name);
			busy.resolve(holder);
		}
		const exit = await child.exited;
		if (exit.status === 75) throw new LockBusyError(name, host.name, holder, blame);
		const why = exit.status === 127 ? "it has no 'flock'" : (stderr().at(-1) ?? 'the process that holds it ended');
		throw new HostError(`cannot take the lock '${name}' on ${host.name}: ${why}`, {
			host: host.name,
			failure: exit.status === 127 ? 'no-tool' : 'other',
			evidence: stderr(),
			blame,
		});
	})();
	held.catch(() => undefined);
	const startedAt = performance.now();
	// The answer is awaited even by a caller that does not wait for the lock.
	const answer = patience === 'no-wait' ? held : Promise.race([held, busy.promise]);
	const first = await within(`asking for the lock '${name}'`, answer, { signal, timeoutMs: answerMs * contention() });
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
