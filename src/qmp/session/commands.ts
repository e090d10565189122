import { randomInt } from 'node:crypto';

/** 61 characters: a prime, for {@link encodeNumber}. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy';

/**
 * Encodes a number in three characters, or more from 226,981 on. Ids are short because QEMU reads its monitor one byte per
 * system call (monitor_can_read gives 1): each byte less saves about 2 µs. Numbers close to one another differ in every
 * character but the last, so damage to one character does not turn one command's id into another's.
 */
export function encodeNumber(number: number): string {
	const lowest = number % 61;
	let text = alphabet[lowest]!;
	let rest = Math.floor(number / 61);
	for (let place = 2; place <= 3 || rest > 0; place++) {
		text += alphabet[((rest % 61) + place * lowest) % 61];
		rest = Math.floor(rest / 61);
	}
	return text;
}

/** How a command ended, for its caller. */
export type CommandOutcome<Value> =
	| { readonly kind: 'return'; readonly value: Value }
	| { readonly kind: 'error'; readonly class: string; readonly desc: string }
	/** The reply was lost in unreadable input; `reasons` say what arrived instead. */
	| { readonly kind: 'lost'; readonly reasons: readonly string[] }
	| { readonly kind: 'timeout' }
	| { readonly kind: 'aborted'; readonly reason: unknown }
	| { readonly kind: 'disconnected' };

/** One command, queued or in flight. */
export interface Command<Value> {
	readonly name: string;
	readonly id: string;
	/** Position in the order of sending; 0 until it is sent. */
	sequence: number;
	readonly outOfBand: boolean;
	readonly text: string;
	/** Called at most once. `undefined` once the caller has given up: the reply is then dropped. */
	settle: ((outcome: CommandOutcome<Value>) => void) | undefined;
	/** When the connection's deadline expires, on the clock of `performance.now()`; absent if the command has its own timer. */
	expiresAtMs?: number;
}

/**
 * The commands of one connection, queued and in flight. When QEMU's queue of 8 in-band commands is full
 * (QMP_REQ_QUEUE_LEN_MAX in monitor/qmp.c), it stops reading, even out-of-band commands. So at most 8 in-band commands are in
 * flight; an out-of-band command never waits. An abandoned command keeps its place until its reply arrives, because QEMU
 * still holds it.
 */
export class CommandTable<Value> {
	/** Distinguishes this connection's ids from those of an earlier client. */
	readonly #prefix = Array.from({ length: 3 }, () => alphabet[randomInt(alphabet.length)]).join('');
	readonly #maxInFlight: number;
	readonly #inFlight = new Map<string, Command<Value>>();
	#waiting: Command<Value>[] = [];
	#inBandInFlight = 0;
	#nextId = 1;
	#nextSequence = 1;

	constructor(maxInFlight: number) {
		this.#maxInFlight = maxInFlight;
	}

	/** Makes an id for a command of this connection. */
	makeId(): string {
		return this.#prefix + encodeNumber(this.#nextId++);
	}

	get inFlight(): number {
		return this.#inFlight.size;
	}

	/** Names of the in-band commands in flight, oldest first. */
	namesInFlight(): string[] {
		return [...this.#inFlight.values()].filter(command => !command.outOfBand).map(({ name }) => name);
	}

	isInFlight(id: string): boolean {
		return this.#inFlight.has(id);
	}

	/** Adds a command. Returns it if it can be sent now. */
	add(command: Command<Value>): boolean {
		if (command.outOfBand || (this.#inBandInFlight < this.#maxInFlight && this.#waiting.length === 0)) {
			this.launch(command);
			return true;
		}
		this.#waiting.push(command);
		return false;
	}

	/** Counts a command as sent, even beyond the limit. */
	launch(command: Command<Value>): void {
		command.sequence = this.#nextSequence++;
		this.#inFlight.set(command.id, command);
		if (!command.outOfBand) this.#inBandInFlight++;
	}

	/** Removes a command from those in flight and returns it. */
	take(id: string): Command<Value> | undefined {
		const command = this.#inFlight.get(id);
		if (command === undefined) return undefined;
		this.#inFlight.delete(id);
		if (!command.outOfBand) this.#inBandInFlight--;
		return command;
	}

	/** Removes and returns the commands in flight sent before `sequence`: their replies can no longer arrive. */
	takeBefore(sequence: number): Command<Value>[] {
		const lost = [...this.#inFlight.values()].filter(command => command.sequence < sequence);
		for (const { id } of lost) this.take(id);
		return lost;
	}

	/** Returns the commands that can be sent now; they count as sent. */
	takeSendable(): Command<Value>[] {
		if (this.#waiting.length === 0) return [];
		const sendable = this.#waiting.splice(0, Math.max(0, this.#maxInFlight - this.#inBandInFlight));
		for (const command of sendable) this.launch(command);
		return sendable;
	}

	/** Marks a command as abandoned by its caller. If it was not sent yet, it is removed. */
	abandon(command: Command<Value>): void {
		command.settle = undefined;
		if (command.sequence > 0) return;
		const index = this.#waiting.indexOf(command);
		if (index >= 0) this.#waiting.splice(index, 1);
	}

	/** Yields every command that has not been abandoned. */
	*awaited(): Generator<Command<Value>> {
		for (const command of this.#inFlight.values()) if (command.settle !== undefined) yield command;
		for (const command of this.#waiting) if (command.settle !== undefined) yield command;
	}

	/** Empties the table and returns everything that was queued or in flight. */
	drain(): Command<Value>[] {
		const all = [...this.#inFlight.values(), ...this.#waiting];
		this.#inFlight.clear();
		this.#waiting = [];
		this.#inBandInFlight = 0;
		return all;
	}
}
