import { messageOf } from '../../lib/errors.ts';
import { stringifyJson } from '../../lib/text/json.ts';
import { formatDuration } from '../../lib/waiting/deadline.ts';
import { QmpError } from '../../qmp/errors.ts';
import { QemuError } from '../errors.ts';
import type { Machine } from '../machine/machine.ts';
import type { Answer, Death } from './inspection.ts';

/** Give up after this many deaths. Each death costs the start of a new QEMU. */
const maxDeaths = 8;

/**
 * Asks a QEMU one question at a time, so that a death can be attributed to one question. Starts a new QEMU after a death.
 * Owns the QEMUs.
 */
export class Asker implements AsyncDisposable {
	readonly deaths: Death[] = [];
	readonly #start: () => Promise<Machine>;
	/** Timeout of each question. */
	timeoutMs: number;
	readonly #signal: AbortSignal | undefined;
	#machine: Machine | undefined;

	constructor(start: () => Promise<Machine>, options: { timeoutMs: number; signal?: AbortSignal | undefined }) {
		this.#start = start;
		this.timeoutMs = options.timeoutMs;
		this.#signal = options.signal;
	}

	/** Returns the QEMU for the next question. @throws as {@link startMachine} */
	async machine(): Promise<Machine> {
		this.#machine ??= await this.#start();
		return this.#machine;
	}

	/**
	 * Asks one question. A refusal, a death and a timeout of QEMU are answers.
	 *
	 * @throws the signal's reason; an error of the first start; HostError when the host is lost
	 */
	async ask<T>(command: string, args?: Readonly<Record<string, unknown>>): Promise<Answer<T>> {
		if (this.deaths.length >= maxDeaths) return { unanswered: `QEMU has died ${maxDeaths} times` };
		const machine = await this.machine();
		const question = stringifyJson({ execute: command, ...(args === undefined ? {} : { arguments: args }) } as never);
		try {
			const limits = { timeoutMs: this.timeoutMs, signal: this.#signal };
			const reply = machine.qmp.execute(command, args, limits);
			return { answer: (await machine.orDeath(question, reply)) as T };
		} catch (error) {
			this.#signal?.throwIfAborted();
			if (error instanceof QmpError && error.code === 'QMP_COMMAND') {
				return { refused: { class: error.class ?? '', desc: error.desc ?? '' } };
			}
			await this.#leave();
			if (error instanceof QemuError && error.exit !== null) {
				const died: Death = { question, exit: error.exit, stderr: error.evidence };
				this.deaths.push(died);
				return { died };
			}
			if (error instanceof QmpError && error.code === 'QMP_TIMEOUT') {
				return { unanswered: `no answer within ${formatDuration(this.timeoutMs)}` };
			}
			if (error instanceof QmpError) return { unanswered: messageOf(error) };
			throw error;
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#leave();
	}

	async #leave(): Promise<void> {
		const machine = this.#machine;
		this.#machine = undefined;
		await machine?.[Symbol.asyncDispose]();
	}
}
