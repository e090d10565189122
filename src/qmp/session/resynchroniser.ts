import type { CommandTable } from './commands.ts';
import type { Outbox } from './outbox.ts';

/** A byte that never occurs in JSON. QEMU's parser answers it with an error and resets (docs/interop/qmp-spec.rst). */
const resynchronise = 0xff;

/** How many reasons to keep per probe: input with 1100 levels of nesting makes QEMU report 1027 errors. */
const keptReasons = 20;

/**
 * Finds out which commands have lost their reply, after unreadable input or a reply that matches no command. Counting does
 * not work: QEMU's errors for input that it cannot parse have no id, and one bad input may cause many of them. So the client
 * sends a byte that resets QEMU's parser, and then one more command, a probe. QEMU answers in order: a command sent before
 * the probe that has no reply when the probe is answered will never get one.
 */
export class Resynchroniser<Value> {
	readonly #commands: CommandTable<Value>;
	readonly #outbox: Outbox;
	readonly #patienceMs: number;
	/** Probes in flight, oldest first; value: what was wrong before each. */
	readonly #probes = new Map<string, string[]>();
	/** Runs after something odd that may resolve itself: a reply that matches no command, or half a message. */
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

	/** Sends a probe after a while if commands are still pending. What arrived may be unrelated to them. */
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

	/** Sends a probe at once, if any command could have lost its reply. */
	ask(reason: string): void {
		if (this.#closed || this.#commands.inFlight === 0) return;
		const id = this.#commands.makeId();
		const text = `{"execute":"query-version","id":"${id}"}\n`;
		this.#probes.set(id, [...(this.#latest() ?? []), reason]);
		// This may exceed the limit. At least one of the commands in flight has already been answered.
		this.#commands.launch({ name: 'query-version', id, sequence: 0, outOfBand: false, text, settle: undefined });
		this.#outbox.sendByte(resynchronise);
		this.#outbox.send(text);
	}

	/** Handles an error without id: adds it to the probe in flight, or sends the first probe. */
	errorWithoutId(reason: string): void {
		const reasons = this.#latest();
		if (reasons === undefined) this.ask(reason);
		else if (reasons.length < keptReasons) reasons.push(reason);
	}

	/** Handles the answer to a probe: every pending command sent before it has lost its reply. */
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
