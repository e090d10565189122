import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, type WaitOptions } from '../lib/deadline.ts';
import { messageOf, UsageError } from '../lib/errors.ts';
import { QmpError } from './errors.ts';

/**
 * Where QMP is: the path of a Unix socket, a TCP address, an open file descriptor of a socket that was inherited, or a
 * stream. A descriptor or stream belongs to the client from then on, also when connecting fails.
 */
export type QmpTarget = string | { readonly host: string; readonly port: number } | { readonly fd: number } | Duplex;

/** sun_path of Linux, less the closing NUL (unix(7)). */
const longestSocketPath = 107;

/** The target in words, for messages. */
export function describeTarget(target: QmpTarget): string {
	if (typeof target === 'string') return `QMP at ${target}`;
	if (target instanceof Duplex) return 'QMP on a stream';
	return 'fd' in target ? `QMP on file descriptor ${target.fd}` : `QMP at ${target.host}:${target.port}`;
}

/**
 * Opens the byte stream to a target. With `retry`, an address at which nothing listens yet is tried until the deadline.
 *
 * @throws QmpError `QMP_CONNECT` with the system's error as cause; DeadlineError; the signal's reason; UsageError
 */
export async function openTarget(
	target: QmpTarget,
	{ signal, timeoutMs, retry }: WaitOptions & { readonly timeoutMs: number; readonly retry: boolean },
): Promise<Duplex> {
	signal?.throwIfAborted();
	if (target instanceof Duplex) return target;
	if (typeof target !== 'string' && 'fd' in target) {
		try {
			return new net.Socket({ fd: target.fd, readable: true, writable: true, allowHalfOpen: true });
		} catch (error) {
			throw connectError(target, error);
		}
	}
	if (typeof target === 'string' && Buffer.byteLength(target) > longestSocketPath) {
		throw new UsageError(
			`the socket path '${target}' has ${Buffer.byteLength(target)} bytes; a Unix socket's may have ${longestSocketPath}`,
		);
	}
	const endsAt = performance.now() + timeoutMs;
	for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
		const leftMs = endsAt - performance.now();
		try {
			return await connectOnce(target, signal, leftMs, timeoutMs);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (signal?.aborted === true || error instanceof DeadlineError) throw error;
			// The last try's own error says more than a timeout would.
			const last = performance.now() + pauseMs >= endsAt;
			if (!retry || last || (code !== 'ENOENT' && code !== 'ECONNREFUSED')) throw connectError(target, error);
		}
		await delay(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
	}
}

function connectOnce(
	address: string | { readonly host: string; readonly port: number },
	signal: AbortSignal | undefined,
	leftMs: number,
	timeoutMs: number,
): Promise<Duplex> {
	return new Promise((resolve, reject) => {
		const where = typeof address === 'string' ? { path: address } : address;
		const socket = net.connect({ ...where, noDelay: true, allowHalfOpen: true });
		const settle = (error?: unknown) => {
			clearTimeout(timer);
			signal?.removeEventListener('abort', onAbort);
			socket.off('connect', onConnect).off('error', settle);
			if (error === undefined) return resolve(socket);
			socket.on('error', () => undefined);
			socket.destroy();
			reject(error);
		};
		const onConnect = () => settle();
		const onAbort = () => settle(signal?.reason);
		const late = () => settle(new DeadlineError(`connecting to ${describeTarget(address)}`, timeoutMs));
		const timer = setTimeout(late, Math.max(0, leftMs));
		signal?.addEventListener('abort', onAbort, { once: true });
		socket.once('connect', onConnect).once('error', settle);
	});
}

/** The error for a target at which nothing answers. */
export function connectError(target: QmpTarget, cause: unknown): QmpError {
	const { code } = cause as NodeJS.ErrnoException;
	const hints: Record<string, string> = {
		ENOENT: 'there is no such socket',
		ECONNREFUSED: 'nothing listens there',
		EACCES: 'permission denied',
		ENOTSOCK: 'that is not a socket',
	};
	const why = code !== undefined && code in hints ? `${hints[code]} (${code})` : messageOf(cause);
	return new QmpError('QMP_CONNECT', `${describeTarget(target)}: ${why}`, { cause });
}
