import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, formatDuration, type WaitOptions } from '../../lib/deadline.ts';
import { eitherSignal } from '../../lib/either-signal.ts';
import { messageOf } from '../../lib/errors.ts';
import { QemuError } from '../errors.ts';
import type { QemuProcess } from './process.ts';
import { excuseOf, processMoment } from './starvation.ts';

/**
 * Connects to a socket that a starting QEMU makes, trying again until it is there. The caller owns the socket.
 * `announced`: QEMU says when it is ({@link QemuProcess.announced}), so that until then it is looked for only every
 * `seldomMs`, in case this QEMU uses other words.
 *
 * @throws QemuError when QEMU ends first, or runs and has no such socket after `timeoutMs` (then `cause` is the system's
 *   error of a last attempt); the signal's reason
 */
export async function connectWhenReady(
	process: QemuProcess,
	socketPath: string,
	{
		signal,
		timeoutMs = 10_000,
		announced = false,
		seldomMs = 1000,
	}: WaitOptions & { readonly announced?: boolean; readonly seldomMs?: number } = {},
): Promise<Socket> {
	const doing = 'its start was waited for';
	const endsAt = performance.now() + timeoutMs;
	// Here an attempt costs next to nothing; elsewhere it is a round trip.
	const longestPauseMs = process.host.kind === 'local' ? 4 : 50;
	if (announced) await pause(process, Math.min(seldomMs, timeoutMs), signal);
	for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
		signal?.throwIfAborted();
		if (process.exit !== undefined) throw await process.deathError(doing);
		const last = performance.now() >= endsAt;
		let attempt: Promise<Socket> | undefined;
		try {
			attempt = process.host.connect(socketPath, {
				signal,
				timeoutMs: Math.max(1000, endsAt - performance.now()),
			});
			return await process.orDeath(doing, attempt);
		} catch (cause) {
			attempt?.then(socket => socket.destroy(), ignore);
			signal?.throwIfAborted();
			if (process.exit !== undefined) throw cause instanceof QemuError ? cause : await process.deathError(doing, cause);
			if (!isNotYet(cause)) throw cause;
			if (last) {
				throw await noSocket(process, timeoutMs, cause);
			}
		}
		await pause(process, announced && !process.isAnnounced ? seldomMs : pauseMs, signal);
	}
}

/** The error for a QEMU without a socket: its own fault unless it had no chance to make one. */
async function noSocket(process: QemuProcess, timeoutMs: number, cause: unknown): Promise<QemuError> {
	const moment = await processMoment(process.host, process.pid).catch(() => undefined);
	const excuse = moment === undefined ? undefined : excuseOf(moment);
	const text = `QEMU runs, but its socket was not there after ${formatDuration(timeoutMs)}: ${messageOf(cause)}`;
	return new QemuError(excuse === undefined ? text : `${text} (it was ${excuse})`, {
		...{ failure: 'no-qmp', argv: process.argv, evidence: process.stderrLines(), cause },
		blame: excuse === undefined ? 'qemu' : 'host',
	});
}

/** Until the time is over, QEMU has ended or announces its sockets, or the signal aborts. */
async function pause(process: QemuProcess, ms: number, signal: AbortSignal | undefined): Promise<void> {
	const over = new AbortController();
	using either = eitherSignal(signal, over.signal);
	const announced = process.isAnnounced ? [] : [process.announced];
	// An abort rejects with AbortError here; its reason is thrown by the caller.
	await Promise.race([process.exited, ...announced, delay(ms, undefined, { signal: either.signal }).catch(ignore)]);
	over.abort();
}

/** Whether the socket may still come: nobody listens, or nothing is there yet. */
function isNotYet(error: unknown): boolean {
	if (error instanceof DeadlineError) return true;
	const { code, failure } = error as { code?: unknown; failure?: unknown };
	return failure === 'no-socket' || code === 'ENOENT' || code === 'ECONNREFUSED';
}

function ignore(): void {
	// Reported elsewhere.
}
