import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { DeadlineError, startDeadline, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { QmpError } from '../errors.ts';

/**
 * Where to find QMP: the path of a Unix socket, a TCP address, the descriptor of an inherited socket, or a stream. The client
 * takes ownership of a descriptor or stream, even if connecting fails.
 */
export type QmpTarget = string | { readonly host: string; readonly port: number } | { readonly fd: number } | Duplex;

/** An open byte stream with its way to receive bytes. */
export interface Wire {
	readonly stream: Duplex;
	/** Passes all further bytes to `take`; the buffer is reused after each call. Call this once, right after opening. */
	onBytes(take: (chunk: Buffer) => void): void;
}

/** Size of a read buffer, in bytes. */
const readBytes = 65_536;

/**
 * A reusable buffer for a socket. Otherwise Node allocates 64 KiB for each read, which costs more than reading a short reply.
 */
class ReadBuffer {
	readonly #buffer = Buffer.allocUnsafeSlow(readBytes);
	#take: (chunk: Buffer) => void = () => undefined;
	/** Socket option. */
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

/** Describes the target for messages. */
export function describeTarget(target: QmpTarget): string {
	if (typeof target === 'string') return `QMP at ${target}`;
	if (target instanceof Duplex) return 'QMP on a stream';
	return 'fd' in target ? `QMP on file descriptor ${target.fd}` : `QMP at ${target.host}:${target.port}`;
}

/**
 * Opens the byte stream to a target. With `retry`, tries until the deadline while nothing listens at the address.
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
			// The error of the last attempt says more than a timeout.
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

/** Makes the error for a target where nothing answers. */
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
