import { Duplex } from 'node:stream';
import { DeadlineError, formatDuration, type WaitOptions, within } from '../lib/deadline.ts';
import { UsageError } from '../lib/errors.ts';
import { type ExecuteOptions, perform, QmpClient, unwrap } from './client.ts';
import { type PeerDeath, QmpError } from './errors.ts';
import { Session } from './session/session.ts';
import type { QmpArguments } from './typed.ts';
import type { QmpGreeting } from './wire/messages.ts';
import { connectError, describeTarget, openTarget, type QmpTarget } from './wire/open.ts';
import type { QmpRecorder } from './wire/recording.ts';

/** How a QMP connection is made, and its limits. */
export interface ConnectOptions extends WaitOptions {
	/** For connecting, greeting and negotiation together. Default 10 s. */
	readonly timeoutMs?: number | undefined;
	/** What messages call the other side. Default its address. */
	readonly name?: string | undefined;
	/** Keep trying while nothing listens at the address yet, until the deadline. */
	readonly retry?: boolean;
	/** Deadline of each command that is given none. Default 60 s; `Infinity` for none. */
	readonly commandTimeoutMs?: number;
	/** Enable out-of-band execution where it is offered. Default true. */
	readonly oob?: boolean;
	/** Sees each message of both directions as it passes. One that throws ends the connection: no evidence, no session. */
	readonly record?: QmpRecorder;
	/** Asked when the connection is lost: how the process behind it ended, `undefined` when it did not or nobody knows. */
	readonly describeDeath?: () => Promise<PeerDeath | undefined>;
	/** How long `describeDeath` may take. Default 2 s. */
	readonly deathTimeoutMs?: number;
	/**
	 * Hand the client out at the greeting, with the negotiation on its way: what is executed at once goes out together with
	 * it, a round trip sooner. A negotiation that is refused fails these commands. Default false.
	 */
	readonly eager?: boolean;
	/** How many in-band commands QEMU is given at once. Default and most 8. */
	readonly maxInFlight?: number;
	/** Longest message that is taken, in bytes. Default 256 MiB. */
	readonly maxReplyBytes?: number;
	/**
	 * When a reply that fits no command, or half a message, was followed by nothing for so long while commands wait, the
	 * client asks one more command to see which replies were lost. Default 1 s.
	 */
	readonly probeAfterMs?: number;
}

/**
 * Connects to a QMP server, waits for its greeting and negotiates. The caller owns the client. A stream or descriptor
 * that is given is closed when this fails.
 *
 * @throws QmpError `QMP_CONNECT` when nothing answers; `QMP_TIMEOUT` without greeting or negotiation in time (QEMU serves
 *   one client at a time: a second one is connected but hears nothing until the first leaves); `QMP_PROTOCOL` for another
 *   protocol; `QMP_DISCONNECTED`
 * @throws the signal's reason; UsageError for an impossible address or option
 */
export async function connectQmp(target: QmpTarget, options: ConnectOptions = {}): Promise<QmpClient> {
	const { signal, timeoutMs = 10_000, commandTimeoutMs = 60_000, oob = true, maxInFlight = 8 } = options;
	if (!Number.isInteger(maxInFlight) || maxInFlight < 1 || maxInFlight > 8) {
		throw new UsageError(`maxInFlight is ${maxInFlight}; allowed are whole numbers from 1 to 8`);
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
