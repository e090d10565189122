import type { Command, CommandTable } from './commands.ts';

/** Longest delay of a timer. A longer deadline counts as none. */
const longestDelayMs = 2 ** 31 - 1;
const stalledMs = 100;

/**
 * The deadlines of those commands that use the connection's default. They share one timer: a timer per command would cost
 * more than the rest of sending it.
 */
export class Deadlines<Value> {
	readonly #commands: CommandTable<Value>;
	readonly #timeoutMs: number;
	#timer: NodeJS.Timeout | undefined;
	#closed = false;

	constructor(commands: CommandTable<Value>, timeoutMs: number) {
		this.#commands = commands;
		this.#timeoutMs = timeoutMs;
	}

	/** Starts the deadline of a command. */
	watch(command: Command<Value>): void {
		if (this.#timeoutMs > longestDelayMs) return;
		command.expiresAtMs = performance.now() + this.#timeoutMs;
		if (this.#timer === undefined && !this.#closed) this.#lookIn(this.#timeoutMs);
	}

	close(): void {
		this.#closed = true;
		clearTimeout(this.#timer);
	}

	#lookIn(delayMs: number): void {
		const dueMs = performance.now() + delayMs;
		// The open connection keeps the process alive. The timer must not do so after the last command.
		const look = () => {
			// If this process was stalled, replies that have arrived in the meantime are read first.
			if (performance.now() - dueMs < stalledMs) this.#look();
			else this.#timer = setTimeout(() => this.#look(), stalledMs).unref();
		};
		this.#timer = setTimeout(look, Math.max(1, Math.ceil(delayMs))).unref();
	}

	#look(): void {
		this.#timer = undefined;
		const now = performance.now();
		let next = Number.POSITIVE_INFINITY;
		for (const command of [...this.#commands.awaited()]) {
			if (command.expiresAtMs === undefined) continue;
			if (command.expiresAtMs > now) {
				next = Math.min(next, command.expiresAtMs);
				continue;
			}
			const { settle } = command;
			this.#commands.abandon(command);
			settle?.({ kind: 'timeout' });
		}
		if (next !== Number.POSITIVE_INFINITY && !this.#closed) this.#lookIn(next - now);
	}
}
