import type { CommandTable } from './commands.ts';
import type { Outbox } from './outbox.ts';

/** A byte that no JSON has: QEMU's parser answers it with an error and starts afresh (docs/interop/qmp-spec.rst). */
const resynchronise = 0xff;

/** How many reasons are kept for one probe: bad input of 1100 levels makes QEMU complain 1027 times. */
const keptReasons = 20;

/**
 * Finds out which commands have lost their reply, after something came that cannot be read or belongs to nobody. Neither
 * can be settled by counting: QEMU gives no id to what its parser refuses, and one bad input may make many such errors.
 * So it is asked one more command, a probe, after a byte that makes its parser start afresh. QEMU answers in order: what
 * was sent before the probe and has no reply when the probe is answered will never have one.
 */
export class Resynchroniser<Value> {
	readonly #commands: CommandTable<Value>;
	readonly #outbox: Outbox;
	readonly #patienceMs: number;
	/** Probes on their way, oldest first; value: what was wrong before each. */
	readonly #probes = new Map<string, string[]>();
	/** Runs while something is odd that time may explain: a reply to nobody, half a message. */
	#doubt: NodeJS.Timeout | undefined;
	#doubted = '';
	#closed = false;

	constructor(commands: CommandTable<Value>, outbox: Outbox, patienceMs: number) {
		this.#commands = commands;
		this.#outbox = outbox;
		this.#patienceMs = patienceMs;
	}

	isProbe(id: string): boolean {
		return this.#probes.has(id);
	}

	/** Asks if commands still wait in a while: what came may have nothing to do with them. */
	doubt(reason: string): void {
		if (this.#closed || this.#commands.inFlight === 0) return;
		this.#doubted = reason;
		if (this.#doubt !== undefined) {
			this.#doubt.refresh();
			return;
		}
		this.#doubt = setTimeout(() => {
			this.#doubt = undefined;
			if (!this.#closed) this.ask(this.#doubted);
		}, this.#patienceMs).unref();
	}

	/** Asks at once, if any command could have lost its reply. */
	ask(reason: string): void {
		if (this.#closed || this.#commands.inFlight === 0) return;
		const id = this.#commands.makeId();
		const text = `{"execute":"query-version","id":"${id}"}\n`;
		this.#probes.set(id, [...(this.#latest() ?? []), reason]);
		// Beyond the limit, if need be: at least one place of those in flight is free in truth.
		this.#commands.launch({ name: 'query-version', id, sequence: 0, outOfBand: false, text, settle: undefined });
		this.#outbox.sendByte(resynchronise);
		this.#outbox.send(text);
	}

	/** An error without id came: one more of what was asked about, or the first. */
	errorWithoutId(reason: string): void {
		const reasons = this.#latest();
		if (reasons === undefined) this.ask(reason);
		else if (reasons.length < keptReasons) reasons.push(reason);
	}

	/** A probe was answered: every command that was sent before it and still waits has lost its reply. */
	answered(id: string, sequence: number): void {
		const reasons = this.#probes.get(id) ?? [];
		for (const [probe] of this.#probes) {
			this.#probes.delete(probe);
			if (probe === id) break;
		}
		for (const { settle } of this.#commands.takeBefore(sequence)) settle?.({ kind: 'lost', reasons });
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#doubt);
	}

	#latest(): string[] | undefined {
		return [...this.#probes.values()].at(-1);
	}
}
