import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, formatDuration, type WaitOptions } from '../../lib/deadline.ts';
import { messageOf } from '../../lib/errors.ts';
import { QemuError } from '../errors.ts';
import type { QemuProcess } from './process.ts';

/**
 * Connects to a socket that a starting QEMU makes, trying again until it is there. The caller owns the socket.
 *
 * @throws QemuError when QEMU ends first, or runs and has no such socket after `timeoutMs` (then `cause` is the system's
 *   error of a last attempt); the signal's reason
 */
export async function connectWhenReady(
	process: QemuProcess,
	socketPath: string,
	{ signal, timeoutMs = 10_000 }: WaitOptions = {},
): Promise<Socket> {
	const doing = 'its start was waited for';
	const endsAt = performance.now() + timeoutMs;
	// Here an attempt costs next to nothing; elsewhere it is a round trip.
	const longestPauseMs = process.host.kind === 'local' ? 4 : 50;
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
				throw new QemuError(
					`QEMU runs, but its socket was not there after ${formatDuration(timeoutMs)}: ${messageOf(cause)}`,
					{ failure: 'no-qmp', argv: process.argv, evidence: process.stderrLines(), cause },
				);
			}
		}
		// An abort rejects with AbortError here; its reason is thrown at the top of the loop.
		await Promise.race([process.exited, delay(pauseMs, undefined, { signal }).catch(ignore)]);
	}
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
