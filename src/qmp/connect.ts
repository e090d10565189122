import { Duplex } from 'node:stream';
import { UsageError } from '../lib/errors.ts';
import { DeadlineError, formatDuration, type WaitOptions, within } from '../lib/waiting/deadline.ts';
import { type ExecuteOptions, perform, QmpClient, unwrap } from './client.ts';
import { type PeerDeath, QmpError } from './errors.ts';
import { Session } from './session/session.ts';
import type { QmpArguments } from './typed.ts';
import type { QmpGreeting } from './wire/messages.ts';
import { connectError, describeTarget, openTarget, type QmpTarget } from './wire/open.ts';
import type { QmpRecorder } from './wire/recording.ts';

/** How to make a QMP connection, and its limits. */
export interface ConnectOptions extends WaitOptions {
	/** Limit for connecting, greeting and negotiation together. Default 10 s. */
	readonly timeoutMs?: number | undefined;
	/** Name of the peer in messages. Default: its address. */
	readonly name?: string | undefined;
	/** Keep trying until the deadline while nothing listens at the address. */
	readonly retry?: boolean;
	/** Default deadline of a command. Default 60 s; `Infinity` for none. */
	readonly commandTimeoutMs?: number;
	/** Enable out-of-band execution if QEMU offers it. Default true. */
	readonly oob?: boolean;
	/**
	 * Called with each message in both directions. If it throws, the connection ends, because the record would be incomplete.
	 */
	readonly record?: QmpRecorder;
	/**
	 * Called when the connection is lost. Says how the process behind it ended; `undefined` if it is still running or this is
	 * unknown.
	 */
	readonly describeDeath?: () => Promise<PeerDeath | undefined>;
	/** How long `describeDeath` may take. Default 2 s. */
	readonly deathTimeoutMs?: number;
	/**
	 * Return the client at the greeting, while the negotiation is in progress. Commands executed at once are sent together with
	 * the negotiation, which saves a round trip. They fail if QEMU refuses the negotiation. Default false.
	 */
	readonly eager?: boolean;
	/** How many in-band commands may be in flight. Default and maximum 8. */
	readonly maxInFlight?: number;
	/** Longest accepted message, in bytes. Default 256 MiB. */
	readonly maxReplyBytes?: number;
	/**
	 * How long to wait after a reply that matches no command, or after half a message, if commands are pending. Then the client
	 * sends one more command to find out which replies were lost. Default 1 s.
	 */
	readonly probeAfterMs?: number;
}

/**
 * Connects to a QMP server, waits for its greeting and negotiates. The caller owns the client. A stream or descriptor passed
 * in is closed if this fails.
 *
 * @throws QmpError `QMP_CONNECT` when nothing answers; `QMP_TIMEOUT` without greeting or negotiation in time (QEMU serves one
 *   client at a time: a second client is connected, but gets no greeting until the first one leaves); `QMP_PROTOCOL` for
 *   another protocol; `QMP_DISCONNECTED`
 * @throws the signal's reason; UsageError for an impossible address or option
 */
export async function connectQmp(target: QmpTarget, options: ConnectOptions = {}): Promise<QmpClient> {
	const { signal, timeoutMs = 10_000, commandTimeoutMs = 60_000, oob = true, maxInFlight = 8 } = options;
	if (!Number.isInteger(maxInFlight) || maxInFlight < 1 || maxInFlight > 8) {
		throw new UsageError(`maxInFlight is ${maxInFlight}; allowed: whole numbers from 1 to 8`);
	}
	const peer = options.name ?? describeTarget(target);
	const endsAt = performance.now() + timeoutMs;
	let session: Session | undefined;
	try {
		const wire = await openTarget(target, { signal, timeoutMs, retry: options.retry === true });
		session = new Session(wire, {
			peer,
			record: options.record,
			describeDeath: options.describeDeath,
			deathTimeoutMs: options.deathTimeoutMs ?? 2000,
			maxInFlight,
			maxReplyBytes: options.maxReplyBytes,
			commandTimeoutMs,
			probeAfterMs: options.probeAfterMs ?? 1000,
		});
		const greeting = await greet(session, peer, { signal, timeoutMs, leftMs: endsAt - performance.now() });
		const capabilities = oob && greeting.capabilities.includes('oob') ? ['oob'] : [];
		const args = capabilities.length === 0 ? undefined : { enable: capabilities };
		const leftMs = Math.max(1, endsAt - performance.now());
		const negotiating = negotiate(session, args, { signal, timeoutMs: leftMs });
		if (options.eager !== true) await negotiating;
		return new QmpClient(session, greeting, { capabilities, commandTimeoutMs, negotiating });
	} catch (error) {
		await session?.close(0);
		if (target instanceof Duplex) target.destroy();
		if (error instanceof DeadlineError) throw new QmpError('QMP_TIMEOUT', error.message, { cause: error });
		if (error instanceof QmpError && (error.cause as NodeJS.ErrnoException)?.syscall === 'connect') {
			throw error.code === 'QMP_CONNECT' ? error : connectError(target, error.cause);
		}
		throw error;
	}
}

async function negotiate(session: Session, args: QmpArguments | undefined, limits: ExecuteOptions): Promise<void> {
	const outcome = await perform(session, 'qmp_capabilities', args, limits);
	unwrap('qmp_capabilities', outcome, { session, timeoutMs: limits.timeoutMs ?? 0 });
}

async function greet(
	session: Session,
	peer: string,
	{ signal, timeoutMs, leftMs }: { signal: AbortSignal | undefined; timeoutMs: number; leftMs: number },
): Promise<QmpGreeting> {
	try {
		return await within('the greeting', session.greeted, { signal, timeoutMs: Math.max(0, leftMs) });
	} catch (error) {
		if (!(error instanceof DeadlineError)) throw error;
		const heard = session.unreadable;
		const why =
			heard === undefined
				? 'QEMU serves one client at a time: is another one connected?'
				: `it does not speak QMP, but said: ${heard}`;
		const message = `${peer}: connected, but no greeting after ${formatDuration(timeoutMs)}. ${why}`;
		throw new QmpError(heard === undefined ? 'QMP_TIMEOUT' : 'QMP_PROTOCOL', message, { cause: error });
	}
}
