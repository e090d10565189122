import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError, startDeadline, type WaitOptions } from '../../lib/deadline.ts';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { QmpError } from '../errors.ts';

/**
 * Where QMP is: the path of a Unix socket, a TCP address, an open file descriptor of a socket that was inherited, or a
 * stream. A descriptor or stream belongs to the client from then on, also when connecting fails.
 */
export type QmpTarget = string | { readonly host: string; readonly port: number } | { readonly fd: number } | Duplex;

/** An open byte stream, and the way in which what comes on it is taken. */
export interface Wire {
	readonly stream: Duplex;
	/** Gives what comes, from now on, to `take`, whose buffer is used again afterwards. To be called once, at once. */
	onBytes(take: (chunk: Buffer) => void): void;
}

/** Bytes that are read at once. */
const readBytes = 65_536;

/**
 * A buffer for a socket of ours, used again and again: otherwise Node makes one of 64 KiB for each read, which costs more
 * than reading a short reply.
 */
class ReadBuffer {
	readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
	#take: (chunk: Buffer) => void = () => undefined;
	/** For the options of a socket. */
	readonly onread = {
		buffer: this.#buffer,
		callback: (count: number) => {
			this.#take(this.#buffer.subarray(0, count));
			return true;
		},
	};

	wire(stream: Duplex): Wire {
		return {
			stream,
			onBytes: take => {
				this.#take = take;
			},
		};
	}
}

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
): Promise<Wire> {
	signal?.throwIfAborted();
	if (target instanceof Duplex) return { stream: target, onBytes: take => void target.on('data', take) };
	if (typeof target !== 'string' && 'fd' in target) {
		try {
			const reader = new ReadBuffer();
			const { onread } = reader;
			return reader.wire(
				new net.Socket({ fd: target.fd, readable: true, writable: true, allowHalfOpen: true, onread }),
			);
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
): Promise<Wire> {
	return new Promise((resolve, reject) => {
		const where = typeof address === 'string' ? { path: address } : address;
		const reader = new ReadBuffer();
		const socket = net.connect({ ...where, noDelay: true, allowHalfOpen: true, onread: reader.onread });
		const settle = (error?: unknown) => {
			timer?.clear();
			signal?.removeEventListener('abort', onAbort);
			socket.off('connect', onConnect).off('error', settle);
			if (error === undefined) return resolve(reader.wire(socket));
			socket.on('error', () => undefined);
			socket.destroy();
			reject(error);
		};
		const onConnect = () => settle();
		const onAbort = () => settle(signal?.reason);
		const late = () => settle(new DeadlineError(`connecting to ${describeTarget(address)}`, timeoutMs));
		const timer = startDeadline(leftMs, late);
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
