import { randomInt } from 'node:crypto';

/** 61 characters: a prime, for {@link encodeNumber}. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxy';

/**
 * A number in three characters, more from 226,981 on. Short, because QEMU reads its monitor one byte at a time, a system
 * call each (monitor_can_read gives 1): a byte less is some 2 µs less. Numbers near one another differ in every character
 * but the last, so damage to one character does not make one command's id another's.
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

/** How a command ended, for the one who waits for it. */
export type CommandOutcome<Value> =
	| { readonly kind: 'return'; readonly value: Value }
	| { readonly kind: 'error'; readonly class: string; readonly desc: string }
	/** The reply was lost in what could not be read; `reasons` are what was seen instead. */
	| { readonly kind: 'lost'; readonly reasons: readonly string[] }
	| { readonly kind: 'timeout' }
	| { readonly kind: 'aborted'; readonly reason: unknown }
	| { readonly kind: 'disconnected' };

/** One command on its way. */
export interface Command<Value> {
	readonly name: string;
	readonly id: string;
	/** Place in the order of sending; 0 until it is sent. */
	sequence: number;
	readonly outOfBand: boolean;
	readonly text: string;
	/** Called at most once. `undefined` once nobody waits: the reply is then dropped when it comes. */
	settle: ((outcome: CommandOutcome<Value>) => void) | undefined;
	/** When it gives up under the connection's deadline, on the clock of `performance.now()`; absent with its own timer. */
	expiresAtMs?: number;
}

/**
 * The commands of one connection: those that wait for a place and those in flight. QEMU stops reading, out-of-band
 * commands too, when its queue of 8 in-band commands is full (QMP_REQ_QUEUE_LEN_MAX in monitor/qmp.c), so no more than
 * that are sent; an out-of-band command never waits. A command that nobody waits for any more keeps its place until its
 * reply comes, because QEMU still holds it.
 */
export class CommandTable<Value> {
	/** Tells this connection's ids from what an earlier client left behind. */
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

	/** An id for one command of this connection. */
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

	/** Takes a command; returns it when it is to be sent now. */
	add(command: Command<Value>): boolean {
		if (command.outOfBand || (this.#inBandInFlight < this.#maxInFlight && this.#waiting.length === 0)) {
			this.launch(command);
			return true;
		}
		this.#waiting.push(command);
		return false;
	}

	/** Counts a command as sent, whether or not there is a place. */
	launch(command: Command<Value>): void {
		command.sequence = this.#nextSequence++;
		this.#inFlight.set(command.id, command);
		if (!command.outOfBand) this.#inBandInFlight++;
	}

	/** Takes a command out of flight. */
	take(id: string): Command<Value> | undefined {
		const command = this.#inFlight.get(id);
		if (command === undefined) return undefined;
		this.#inFlight.delete(id);
		if (!command.outOfBand) this.#inBandInFlight--;
		return command;
	}

	/** Those in flight that were sent before `sequence`, taken out: their replies cannot come any more. */
	takeBefore(sequence: number): Command<Value>[] {
		const lost = [...this.#inFlight.values()].filter(command => command.sequence < sequence);
		for (const { id } of lost) this.take(id);
		return lost;
	}

	/** Those that have a place now; they count as sent. */
	takeSendable(): Command<Value>[] {
		if (this.#waiting.length === 0) return [];
		const sendable = this.#waiting.splice(0, Math.max(0, this.#maxInFlight - this.#inBandInFlight));
		for (const command of sendable) this.launch(command);
		return sendable;
	}

	/** Nobody waits for this command any more. One that was not sent yet is forgotten. */
	abandon(command: Command<Value>): void {
		command.settle = undefined;
		if (command.sequence > 0) return;
		const index = this.#waiting.indexOf(command);
		if (index >= 0) this.#waiting.splice(index, 1);
	}

	/** Every command that somebody waits for. */
	*awaited(): Generator<Command<Value>> {
		for (const command of this.#inFlight.values()) if (command.settle !== undefined) yield command;
		for (const command of this.#waiting) if (command.settle !== undefined) yield command;
	}

	/** Empties the table: everything that was waiting or in flight. */
	drain(): Command<Value>[] {
		const all = [...this.#inFlight.values(), ...this.#waiting];
		this.#inFlight.clear();
		this.#waiting = [];
		this.#inBandInFlight = 0;
		return all;
	}
}
