import type { QmpRecord } from '../../qmp/wire/recording.ts';

/** A QMP event that no command caused. */
export interface UnexpectedEvent {
	readonly event: string;
	readonly data?: Readonly<Record<string, unknown>>;
}

/** Events that a machine may send by itself: ports are opened, the clock is set, jobs and migrations make progress. */
const ordinary =
	/^(VSERPORT_CHANGE|NIC_RX_FILTER_CHANGED|RTC_CHANGE|BALLOON_CHANGE|ACPI_DEVICE_OST|DEVICE_DELETED|DUMP_COMPLETED|JOB_STATUS_CHANGE|BLOCK_JOB_\w+|MIGRATION\w*|SPICE_\w+|VNC_\w+|NETDEV_STREAM_\w+|FAILOVER_NEGOTIATED)$/;

/** Events that a command causes while it is executed. */
const during: Readonly<Record<string, readonly string[]>> = {
	stop: ['STOP'],
	cont: ['RESUME'],
	loadvm: ['STOP', 'RESUME'],
	savevm: ['STOP', 'RESUME'],
	'x-exit-preconfig': ['RESUME'],
};

/** Events that follow some time after a command, once per command. */
const after: Readonly<Record<string, readonly string[]>> = {
	system_reset: ['RESET'],
	system_powerdown: ['POWERDOWN', 'SHUTDOWN'],
	quit: ['SHUTDOWN'],
	q: ['SHUTDOWN'],
	migrate: ['STOP', 'RESUME'],
	'migrate-incoming': ['RESUME'],
	'snapshot-save': ['STOP', 'RESUME'],
	'snapshot-load': ['STOP', 'RESUME'],
};

/**
 * Follows a machine's QMP traffic and records the events that no command of ours explains. Tracks with STOP and RESUME
 * whether the vCPUs may run.
 */
export class QmpWatch {
	readonly #unexpected: UnexpectedEvent[] = [];
	/** Commands without a reply yet, by id. */
	readonly #underWay = new Map<unknown, string>();
	/** How many events of each name are still expected. */
	readonly #due = new Map<string, number>();
	readonly #listeners = new Set<() => void>();
	readonly #mayReset: boolean;
	#stop: { readonly isOwn: boolean } | undefined;

	/** `mayReset`: the machine allows the guest to restart itself. */
	constructor({ mayReset = false }: { readonly mayReset?: boolean } = {}) {
		this.#mayReset = mayReset;
	}

	/** The events that no command caused, oldest first; at most 50. */
	get unexpected(): readonly UnexpectedEvent[] {
		return this.#unexpected;
	}

	/** Set while the vCPUs are stopped: whether a command of ours stopped them. */
	get stop(): { readonly isOwn: boolean } | undefined {
		return this.#stop;
	}

	/** Calls `listener` when the vCPUs are stopped. */
	onStop(listener: () => void): Disposable {
		this.#listeners.add(listener);
		return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
	}

	/** Processes one message of either direction. Never throws. */
	record({ direction, text }: Pick<QmpRecord, 'direction' | 'text'>): void {
		// Long messages are replies to queries and not relevant here.
		if (text.length > 16_384) return;
		if (direction === 'received' && this.#underWay.size === 0 && !text.includes('"event"')) return;
		let message: Readonly<Record<string, unknown>>;
		try {
			message = JSON.parse(text);
		} catch {
			return;
		}
		if (direction === 'sent') this.#sent(message);
		else if (typeof message.event === 'string') this.#received(message.event, message.data);
		else if ('id' in message) this.#underWay.delete(message.id);
	}

	#sent(message: Readonly<Record<string, unknown>>): void {
		const execute = message.execute ?? message['exec-oob'];
		if (typeof execute !== 'string') return;
		const args = message.arguments as Readonly<Record<string, unknown>> | undefined;
		const line = args?.['command-line'];
		const command =
			execute === 'human-monitor-command' && typeof line === 'string' ? (line.trim().split(/\s/, 1)[0] ?? '') : execute;
		if (Object.hasOwn(during, command)) this.#underWay.set(message.id, command);
		if (!Object.hasOwn(after, command)) return;
		for (const event of after[command] ?? []) this.#due.set(event, (this.#due.get(event) ?? 0) + 1);
	}

	#received(event: string, data: unknown): void {
		const isDuring = [...this.#underWay.values()].some(command => during[command]?.includes(event));
		const due = this.#due.get(event) ?? 0;
		if (!isDuring && due > 0) this.#due.set(event, due - 1);
		const isOwn = isDuring || due > 0;
		const isExpected = isOwn || ordinary.test(event) || (event === 'RESET' && this.#mayReset);
		const isObject = typeof data === 'object' && data !== null;
		if (!isExpected && this.#unexpected.length < 50) {
			this.#unexpected.push({ event, ...(isObject ? { data: data as Readonly<Record<string, unknown>> } : {}) });
		}
		if (event === 'RESUME') this.#stop = undefined;
		if (event !== 'STOP') return;
		this.#stop = { isOwn };
		for (const listener of [...this.#listeners]) listener();
	}
}

/** Describes an event briefly, such as `SHUTDOWN (guest true, reason guest-reset)`. */
export function describeEvent({ event, data }: UnexpectedEvent): string {
	const said = Object.entries(data ?? {}).map(
		([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
	);
	return said.length === 0 ? event : `${event} (${said.join(', ')})`;
}
