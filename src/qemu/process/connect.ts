import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../lib/errors.ts';
import { DeadlineError, formatDuration, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { eitherSignal } from '../../lib/waiting/either-signal.ts';
import { QemuError } from '../errors.ts';
import type { QemuProcess } from './process.ts';
import { excuseOf, processMoment } from './starvation.ts';

/**
 * Connects to a socket of a starting QEMU, and retries until the socket exists. The caller owns the socket. `announced`: QEMU
 * reports when it exists ({@link QemuProcess.announced}). Until then, look only every `seldomMs`, in case this QEMU words the
 * report differently.
 *
 * @throws QemuError when QEMU ends first, or runs without such a socket after `timeoutMs` (then `cause` is the system's error
 *   of the last attempt); the signal's reason
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
	// On this machine an attempt costs almost nothing; on another host it is a round trip.
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

/** Makes the error for a QEMU without a socket. */
async function noSocket(process: QemuProcess, timeoutMs: number, cause: unknown): Promise<QemuError> {
	return await noAnswer(
		process,
		`QEMU runs, but its socket was not there after ${formatDuration(timeoutMs)}: ${messageOf(cause)}`,
		cause,
	);
}

/**
 * Makes the error for a QEMU that runs and took too long to answer at its start. QEMU is to blame unless the host did not let
 * it run.
 */
export async function noAnswer(process: QemuProcess, text: string, cause: unknown): Promise<QemuError> {
	const moment = await processMoment(process.host, process.pid).catch(() => undefined);
	const excuse = moment === undefined ? undefined : excuseOf(moment);
	return new QemuError(excuse === undefined ? text : `${text} (it was ${excuse})`, {
		...{ failure: 'no-qmp', argv: process.argv, evidence: process.stderrLines(), cause },
		blame: excuse === undefined ? 'qemu' : 'host',
	});
}

/** Waits until the time is over, QEMU has ended or announces its sockets, or the signal aborts. */
async function pause(process: QemuProcess, ms: number, signal: AbortSignal | undefined): Promise<void> {
	const over = new AbortController();
	using either = eitherSignal(signal, over.signal);
	const announced = process.isAnnounced ? [] : [process.announced];
	// On an abort this rejects with AbortError; the caller throws the signal's reason.
	await Promise.race([process.exited, ...announced, delay(ms, undefined, { signal: either.signal }).catch(ignore)]);
	over.abort();
}

/** Whether the socket may still appear: it does not exist yet, or nothing listens on it. */
function isNotYet(error: unknown): boolean {
	if (error instanceof DeadlineError) return true;
	const { code, failure } = error as { code?: unknown; failure?: unknown };
	return failure === 'no-socket' || code === 'ENOENT' || code === 'ECONNREFUSED';
}

function ignore(): void {
	// Reported elsewhere.
}
