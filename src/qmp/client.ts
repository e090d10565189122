import { UsageError } from '../lib/errors.ts';
import { type JsonValue, stringifyJson } from '../lib/text/json.ts';
import { type Deadline, formatDuration, startDeadline, type WaitOptions } from '../lib/waiting/deadline.ts';
import { QmpError } from './errors.ts';
import type { ListenOptions, QmpEventFilter, QmpEventListener } from './listeners.ts';
import type { Command, CommandOutcome } from './session/commands.ts';
import type { Session } from './session/session.ts';
import type { ExecuteRest, QmpArguments, QmpCommandName, QmpEventName, QmpEventNamed, ReturnOf } from './typed.ts';
import type { QmpEvent, QmpGreeting } from './wire/messages.ts';

/** Limits of one QMP command. */
export interface ExecuteOptions extends WaitOptions {
	/**
	 * Executes the command out of band: QEMU runs it at once, even while an earlier command blocks. Only some commands allow
	 * this (`migrate-pause`, `migrate-recover`, `yank`, `query-yank`), and the capability must have been negotiated.
	 */
	readonly oob?: boolean;
}

const closeGraceMs = 500;

/** A negotiated QMP connection, made by `connectQmp`. The caller of `connectQmp` closes or disposes of it. */
export class QmpClient implements AsyncDisposable {
	/** QEMU's greeting. */
	readonly greeting: QmpGreeting;
	/** The enabled capabilities. */
	readonly capabilities: readonly string[];
	/** Events that arrived before the client was returned, oldest first. */
	readonly earlyEvents: readonly QmpEvent[];
	readonly #session: Session;
	readonly #commandTimeoutMs: number;
	/**
	 * Resolves when QEMU has answered the negotiation. Pending only with the option `eager`. Rejects as {@link execute} does.
	 */
	readonly negotiated: Promise<void>;
	#isNegotiating = true;

	/** @internal */
	constructor(
		session: Session,
		greeting: QmpGreeting,
		{
			capabilities,
			commandTimeoutMs,
			negotiating,
		}: { capabilities: readonly string[]; commandTimeoutMs: number; negotiating: Promise<void> },
	) {
		this.#session = session;
		this.greeting = greeting;
		this.capabilities = capabilities;
		this.#commandTimeoutMs = commandTimeoutMs;
		this.earlyEvents = session.early ?? [];
		session.early = undefined;
		this.negotiated = negotiating;
		negotiating.then(
			() => {
				this.#isNegotiating = false;
			},
			() => undefined,
		);
	}

	/** Resolves when the connection has ended: with the cause, or with `undefined` if `close` ended it. Never rejects. */
	get closed(): Promise<QmpError | undefined> {
		return this.#session.closed;
	}

	/**
	 * Executes a command and returns its `return` value. Integers beyond 2^53 are `bigint`. Any number of commands may be
	 * executed at once: up to 8 in-band commands are sent to QEMU, the others wait. QEMU cannot cancel a command: after an
	 * abort or a timeout it may still execute it, and the client drops the reply.
	 *
	 * Arguments and result are typed for the commands of the newest QEMU in use; what QEMU really returns is not checked. Any
	 * other command, or a name known only at run time, takes an object and returns a `JsonValue`.
	 *
	 * `timeoutMs` counts from this call. The default is the connection's `commandTimeoutMs`; `Infinity` means no deadline.
	 *
	 * @throws QmpError `QMP_COMMAND` (refused, with `class` and `desc`), `QMP_TIMEOUT`, `QMP_PROTOCOL` (the reply was lost in
	 *   unreadable bytes or was invalid JSON; the client is still usable), `QMP_DISCONNECTED`
	 * @throws the signal's reason; UsageError for arguments that QMP cannot carry
	 */
	async execute<Name extends QmpCommandName | (string & {})>(
		command: Name,
		...[args, options = {}]: ExecuteRest<Name, ExecuteOptions>
	): Promise<ReturnOf<Name>> {
		const { signal, timeoutMs, oob = false } = options;
		signal?.throwIfAborted();
		if (Number.isNaN(timeoutMs)) throw new UsageError(`timeoutMs of '${command}' is NaN; it needs milliseconds`);
		if (oob && !this.capabilities.includes('oob')) {
			throw new UsageError(`'${command}' cannot be executed out of band: 'oob' was not negotiated with this QEMU`);
		}
		const session = this.#session;
		const outcome = await perform(session, command, args as QmpArguments | undefined, { signal, timeoutMs, oob });
		// If the negotiation failed, that is the cause of this refusal. QEMU answers the negotiation first.
		if (this.#isNegotiating) await this.negotiated;
		return unwrap(command, outcome, { session, timeoutMs: timeoutMs ?? this.#commandTimeoutMs }) as ReturnOf<Name>;
	}

	/**
	 * Listens for matching events, starting with this call. Call it before the command that triggers the events. Each listener
	 * has its own bounded queue: see {@link ListenOptions}. When the connection ends, queued events are still delivered; then
	 * the iteration throws the cause, or ends normally if `close` was called. Leaving the loop unsubscribes.
	 */
	events<Name extends QmpEventName>(filter: Name, options?: ListenOptions): QmpEventListener<QmpEventNamed<Name>>;
	events(filter?: QmpEventFilter, options?: ListenOptions): QmpEventListener;
	events(filter?: QmpEventFilter, options?: ListenOptions): QmpEventListener {
		return this.#session.listeners.listen(filter, options);
	}

	/**
	 * Waits for the first matching event after this call.
	 *
	 * @throws QmpError `QMP_TIMEOUT`, `QMP_DISCONNECTED`; the signal's reason; any error of the predicate
	 */
	waitEvent<Name extends QmpEventName>(filter: Name, options?: WaitOptions): Promise<QmpEventNamed<Name>>;
	waitEvent(filter: QmpEventFilter, options?: WaitOptions): Promise<QmpEvent>;
	waitEvent(filter: QmpEventFilter, options: WaitOptions = {}): Promise<QmpEvent> {
		return this.#session.listeners.wait(filter, options, () => this.#session.endError());
	}

	/**
	 * Closes the connection; QEMU keeps running. Pending commands reject with `QMP_DISCONNECTED`, event iterations end
	 * normally. May be called more than once. Never rejects.
	 */
	async close(): Promise<void> {
		await this.#session.close(closeGraceMs);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}

/** @internal Sends one command and waits for its outcome. @throws UsageError */
export function perform(
	session: Session,
	name: string,
	args: QmpArguments | undefined,
	{ signal, timeoutMs, oob }: ExecuteOptions,
): Promise<CommandOutcome<JsonValue>> {
	const id = session.commands.makeId();
	const text = writeCommand(name, args, id, oob === true);
	return new Promise(resolve => {
		const command: Command<JsonValue> = { name, id, text, sequence: 0, outOfBand: oob === true, settle: undefined };
		if (signal === undefined && timeoutMs === undefined) {
			// The common case is kept cheap: there is nothing to clean up when it settles.
			command.settle = resolve;
			session.deadlines.watch(command);
			session.submit(command);
			return;
		}
		let timer: Deadline | undefined;
		const settle = (outcome: CommandOutcome<JsonValue>) => {
			timer?.clear();
			signal?.removeEventListener('abort', onAbort);
			command.settle = undefined;
			resolve(outcome);
		};
		const giveUp = (outcome: CommandOutcome<JsonValue>) => {
			session.commands.abandon(command);
			settle(outcome);
		};
		const onAbort = () => giveUp({ kind: 'aborted', reason: signal?.reason });
		if (timeoutMs === undefined) session.deadlines.watch(command);
		else timer = startDeadline(timeoutMs, () => giveUp({ kind: 'timeout' }));
		signal?.addEventListener('abort', onAbort, { once: true });
		command.settle = settle;
		session.submit(command);
	});
}

/**
 * @internal Returns the value of an outcome, or throws its error. The error is created here so that its stack shows the
 *   caller.
 */
export function unwrap(
	command: string,
	outcome: CommandOutcome<JsonValue>,
	{ session, timeoutMs }: { session: Session; timeoutMs: number },
): JsonValue {
	switch (outcome.kind) {
		case 'return':
			return outcome.value;
		case 'error': {
			const { class: errorClass, desc } = outcome;
			const message = `${command}: ${desc} (${errorClass})`;
			throw new QmpError('QMP_COMMAND', message, { command, class: errorClass, desc });
		}
		case 'lost': {
			const message = `${command}: the reply was lost: ${outcome.reasons[0]}`;
			throw new QmpError('QMP_PROTOCOL', message, { command, evidence: outcome.reasons });
		}
		case 'timeout': {
			const others = session.commands.namesInFlight().filter(name => name !== command);
			const why = others.length === 0 ? '' : `; QEMU also owes replies to ${others.join(', ')}`;
			throw new QmpError('QMP_TIMEOUT', `${command}: no reply after ${formatDuration(timeoutMs)}${why}`, { command });
		}
		case 'aborted':
			throw outcome.reason;
		case 'disconnected': {
			const cause = session.endError();
			const { death, evidence } = cause;
			throw new QmpError('QMP_DISCONNECTED', `${command}: ${cause.message}`, { command, death, evidence, cause });
		}
	}
}

function writeCommand(name: string, args: QmpArguments | undefined, id: string, oob: boolean): string {
	const verb = oob ? 'exec-oob' : 'execute';
	if (args === undefined) return `{"${verb}":${JSON.stringify(name)},"id":"${id}"}\n`;
	if (typeof args !== 'object' || args === null || Array.isArray(args)) {
		const given = args === null ? 'null' : Array.isArray(args) ? 'an array' : typeof args;
		throw new UsageError(`the arguments of '${name}' must be an object, but ${given} was given`);
	}
	try {
		const written = stringifyJson(args, { unsafeIntegers: 'refuse' });
		return `{"${verb}":${JSON.stringify(name)},"arguments":${written},"id":"${id}"}\n`;
	} catch (error) {
		throw new UsageError(`the arguments of '${name}' cannot be sent: ${(error as Error).message}`, { cause: error });
	}
}
