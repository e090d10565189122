import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';

/** What the main thread of a process did during a short interval. */
export interface ProcessMoment {
	/** One letter, as in proc(5): R is running or runnable, S sleeps, D waits, T is stopped. */
	readonly state: string;
	/** Milliseconds that it ran, and that it was runnable without getting a CPU. */
	readonly ranMs: number;
	readonly waitedMs: number;
}

/** Prints the thread's line of `stat`, and of `schedstat` if the kernel has it. */
const look = 'cat "/proc/$1/task/$1/stat" && { cat "/proc/$1/task/$1/schedstat" 2>/dev/null || echo none; }';

const tickMs = 10;

/** @throws HostError, DeadlineError; the signal's reason */
async function read(host: Host, pid: number, options: WaitOptions) {
	const { stdout } = await host.run(['sh', '-c', look, 'sh', String(pid)], options);
	const [stat = '', schedstat = ''] = stdout.toString('latin1').trim().split('\n').slice(-2);
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	const [ranNs, waitedNs] = schedstat.split(' ').map(Number);
	const isKnown = Number.isFinite(ranNs) && Number.isFinite(waitedNs);
	return {
		state: fields[0] || '?',
		// Fields 14 and 15 of proc(5), in clock ticks.
		ranMs: isKnown ? ranNs! / 1e6 : (Number(fields[11]) + Number(fields[12])) * tickMs,
		waitedMs: isKnown ? waitedNs! / 1e6 : undefined,
	};
}

/**
 * Observes a process for a short interval: how much CPU time it got, according to the host's kernel. Uses `schedstat`;
 * without it, a thread that was runnable and did not run counts as waiting. @throws HostError, DeadlineError; the signal's
 * reason
 */
export async function processMoment(
	host: Host,
	pid: number,
	{ sampleMs = 500, signal, timeoutMs = 10_000 }: WaitOptions & { readonly sampleMs?: number } = {},
): Promise<ProcessMoment> {
	const limits = { signal, timeoutMs };
	const before = await read(host, pid, limits);
	const startedAt = performance.now();
	await delay(sampleMs, undefined, { signal });
	const after = await read(host, pid, limits);
	const ranMs = after.ranMs - before.ranMs;
	const waitedMs =
		after.waitedMs !== undefined && before.waitedMs !== undefined
			? after.waitedMs - before.waitedMs
			: before.state === 'R' && after.state === 'R'
				? performance.now() - startedAt - ranMs
				: 0;
	return { state: after.state, ranMs, waitedMs };
}

/** Says why a silent process is not to blame; `undefined` if it is. Pure. */
export function excuseOf({ state, ranMs, waitedMs }: ProcessMoment): string | undefined {
	switch (state) {
		case 'T':
			return 'stopped by a signal';
		case 't':
			return 'stopped by a debugger';
		case 'D':
			return 'waiting for the disk or another device of the host';
		default:
			return waitedMs > Math.max(ranMs, 5 * tickMs)
				? `ready to run and without a CPU of the host for ${Math.round(waitedMs)} ms while it ran for ${Math.round(ranMs)} ms`
				: undefined;
	}
}
