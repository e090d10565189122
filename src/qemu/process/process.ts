import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host, HostProcess, ProcessExit, Untrusted } from '../../host/host.ts';
import { VpmuError } from '../../lib/errors.ts';
import { formatDuration } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import { describeExit, QemuError, type QemuFailure } from '../errors.ts';
import { diagnoseCommand } from './diagnose.ts';
import { loaderComplaint } from './loader.ts';
import { excuseOf, processMoment } from './starvation.ts';
import { StderrTail } from './stderr.ts';

/** The shutdown step that ended a QEMU; `exited` if it had already ended by itself. */
export type ShutdownStep = 'exited' | 'qmp-quit' | 'SIGTERM' | 'SIGKILL';

/** How a QEMU was shut down. */
export interface ShutdownRecord {
	readonly by: ShutdownStep;
	/** An earlier, gentler step did not end it. */
	readonly forced: boolean;
	/** `null` if even SIGKILL did not end it in time. Then the host is to blame (a process in uninterruptible sleep). */
	readonly exit: ProcessExit | null;
	readonly durationMs: number;
}

/** Time limit of each step. A slow step does not shorten the next one. */
export interface ShutdownBudgets {
	readonly quitMs?: number;
	readonly termMs?: number;
	readonly killMs?: number;
}

export interface ProcessOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** Default: QEMU is untrusted, and its files are limited to 1 GiB. */
	readonly untrusted?: Untrusted | 'trusted' | undefined;
	/** Receives QEMU's stderr. The caller owns it. */
	readonly stderr?: Writable | undefined;
	/** Shutdown limits for a process that is only disposed of. */
	readonly budgets?: ShutdownBudgets | undefined;
}

/** Restrictions for a QEMU without a guest. */
export const untrustedQemu: Untrusted = { maxFileBytes: 1024 * 1024 * 1024 };

/** Signals that a program does not cause by its own faults: sent by a user, or by the kernel when memory runs out. */
const fromOutside: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

/** Time for data in transit when a process or its connection ends, multiplied by the contention. */
const lastWordsMs = 1000;
const arrivedMs = 500;
const closedMs = 3000;
/** Generous, because the blame must not depend on how fast the host answers. */
const lookMs = 60_000;

/**
 * Starts a QEMU on a host. The result owns it.
 *
 * @throws QemuError when the program does not exist or the host cannot run it; HostError when the host cannot be asked
 */
export async function startProcess(
	host: Host,
	argv: readonly string[],
	options: ProcessOptions = {},
): Promise<QemuProcess> {
	let child: HostProcess;
	try {
		child = await host.spawn(argv, {
			...(options.cwd === undefined ? {} : { cwd: options.cwd }),
			...(options.env === undefined ? {} : { env: options.env }),
			untrusted: options.untrusted === 'trusted' ? undefined : (options.untrusted ?? untrustedQemu),
		});
	} catch (cause) {
		const diagnosis = await diagnoseCommand(host, argv, { stderr: [], isOver: false }, { timeoutMs: lookMs }).catch(
			() => undefined,
		);
		if (diagnosis === undefined) throw cause;
		throw new QemuError(diagnosis.text, {
			failure: diagnosis.failure,
			argv,
			blame: diagnosis.blame,
			cause,
		});
	}
	return new QemuProcess(host, argv, child, options);
}

/** A QEMU process on a host, running or ended. Disposal ends it. */
export class QemuProcess implements AsyncDisposable {
	readonly host: Host;
	readonly argv: readonly string[];
	readonly pid: number;
	/** Resolves when it has ended; never rejects. */
	readonly exited: Promise<ProcessExit>;
	readonly #child: HostProcess;
	readonly #budgets: ShutdownBudgets;
	readonly #stderrEnded: Promise<unknown>;
	readonly #stderr = new StderrTail();
	#exit: ProcessExit | undefined;
	/** Called once at the end. There are thousands of waits; handlers attached to `exited` itself could not be removed. */
	readonly #waiters = new Set<() => void>();
	#lost: Error | undefined;
	#shutdown: Promise<ShutdownRecord> | undefined;
	/** Why the guest ended the machine, according to QMP (`guest-reset`): QEMU's exit status 0 does not say. */
	guestEnd: string | undefined;

	/** Use {@link startProcess}. */
	constructor(host: Host, argv: readonly string[], child: HostProcess, options: ProcessOptions) {
		this.host = host;
		this.argv = argv;
		this.pid = child.pid;
		this.#child = child;
		this.#budgets = options.budgets ?? {};
		child.stdin.on('error', ignore);
		child.stdin.end();
		// If the host is lost, stdout is destroyed with the reason, and the exit status is synthetic.
		child.stdout.on('error', error => {
			this.#lost = error;
		});
		child.stdout.resume();
		child.stderr.on('error', ignore);
		child.stderr.on('data', (bytes: Buffer) => {
			options.stderr?.write(bytes);
			this.#stderr.push(bytes);
		});
		this.#stderrEnded = new Promise(resolve => {
			child.stderr.once('close', resolve);
			child.stderr.once('end', resolve);
		});
		this.exited = child.exited.then(exit => {
			this.#exit = exit;
			for (const waiter of this.#waiters) waiter();
			return exit;
		});
	}

	/**
	 * Makes the error for a QEMU that does not answer, from the host kernel's view of the process. Blames the host if the
	 * process is stopped, waits for the disk or gets no CPU time; otherwise blames QEMU. @throws HostError, DeadlineError
	 */
	async silence(doing: string, cause: unknown): Promise<QemuError> {
		const moment = await processMoment(this.host, this.pid);
		const excuse = excuseOf(moment);
		const text = `QEMU runs, and does not answer QMP while ${doing}: process ${this.pid} is in state ${moment.state}`;
		return new QemuError(excuse === undefined ? text : `${text} (${excuse})`, {
			...{ failure: 'stuck', argv: this.argv, evidence: this.stderrLines(), cause },
			blame: excuse === undefined ? 'qemu' : 'host',
		});
	}

	/** Resolves when QEMU reports that it waits for a peer on one of its sockets; may never resolve. */
	get announced(): Promise<void> {
		return this.#stderr.announced;
	}

	get isAnnounced(): boolean {
		return this.#stderr.isAnnounced;
	}

	/** Returns the kernel's message if it killed the process because memory ran out. */
	async #outOfMemory(): Promise<string | undefined> {
		const script = 'dmesg 2>/dev/null | grep -F "Killed process $1 " | tail -n 1';
		const found = await this.host
			.run(['sh', '-c', script, 'sh', String(this.pid)], { timeoutMs: lookMs })
			.catch(() => undefined);
		return found?.stdout.toString().trim() || undefined;
	}

	/** How it ended; `undefined` while it runs. */
	get exit(): ProcessExit | undefined {
		return this.#exit;
	}

	/** Returns the last lines of stderr, oldest first, from the last 64 KiB. */
	stderrLines(count = 20): readonly string[] {
		return this.#stderr.lines(count);
	}

	/** Lines of stderr that a healthy QEMU does not write, oldest first; at most 20. */
	get unexplainedStderr(): readonly string[] {
		return this.#stderr.unexplained(20);
	}

	/**
	 * Makes the error for a QEMU that has ended (or is about to) during a request; `doing` completes the sentence "QEMU ended
	 * with status 1 while …". If the program could not be run at all, the error says so.
	 */
	async deathError(doing: string, cause?: unknown): Promise<QemuError> {
		const exit = await this.exited;
		// The last lines of stderr may arrive after the exit status.
		const words = delay(lastWordsMs * contention(), undefined, { ref: false });
		if (this.#lost === undefined) await Promise.race([this.#stderrEnded, words]);
		const evidence = this.stderrLines();
		const details = { argv: this.argv, exit, evidence, ...(cause === undefined ? {} : { cause }) };
		if (this.#lost !== undefined) {
			const blame = this.#lost instanceof VpmuError ? this.#lost.blame : this.host.kind === 'board' ? 'board' : 'host';
			const text = `${this.host.name} was lost while ${doing}: ${this.#lost.message}`;
			return new QemuError(text, { ...details, failure: 'host-lost', exit: null, blame, cause: this.#lost });
		}
		// QEMU itself exits with 0 or 1; 126 and 127 come from a loader or shell.
		const isOver = exit.status === 126 || exit.status === 127;
		if (isOver || (exit.status !== 0 && couldNotRun(evidence))) {
			const said = { stderr: evidence, isOver };
			const asked = diagnoseCommand(this.host, this.argv, said, { timeoutMs: lookMs });
			const diagnosis = await asked.catch(() => undefined);
			if (diagnosis !== undefined) {
				const { text, failure, blame } = diagnosis;
				// Of a program that was never started, stderr has only the words of the helper that tried to.
				const isStarted = failure === 'missing-library';
				return new QemuError(text, { ...details, evidence: isStarted ? evidence : [], failure, blame });
			}
		}
		if (exit.status === 0 && this.guestEnd !== undefined) {
			const text = `the guest ended its machine (${this.guestEnd}) while ${doing}`;
			return new QemuError(text, { ...details, failure: 'exited', blame: 'guest' });
		}
		const failure: QemuFailure = exit.signal === null ? 'exited' : 'killed';
		if (exit.signal !== null && fromOutside.has(exit.signal)) {
			const outOfMemory = await this.#outOfMemory();
			const why = outOfMemory ?? `a signal from outside: QEMU does not send itself ${exit.signal}`;
			const text = `QEMU ${describeExit(exit)} while ${doing} (${why})`;
			return new QemuError(text, { ...details, failure, blame: 'host' });
		}
		const last = evidence.at(-1);
		return new QemuError(`QEMU ${describeExit(exit)} while ${doing}${last === undefined ? '' : `: ${last}`}`, {
			...details,
			failure,
		});
	}

	/**
	 * Settles as `promise` does, but rejects with {@link deathError} as soon as QEMU ends. A rejection because a connection has
	 * closed is reported as QEMU's end, with the rejection as its cause. Any other rejection (the guest's panic that ended
	 * QEMU) is the first cause and is kept.
	 */
	async orDeath<T>(doing: string, promise: Promise<T>): Promise<T> {
		const settled = promise.then(
			value => ({ value }),
			(error: unknown) => ({ error }),
		);
		const { promise: ended, resolve } = Promise.withResolvers<undefined>();
		const onExit = () => resolve(undefined);
		if (this.#exit !== undefined) onExit();
		this.#waiters.add(onExit);
		try {
			// Data that arrived before QEMU ended is still an answer, and may explain the end.
			const first =
				(await Promise.race([settled, ended])) ?? (await Promise.race([settled, delay(arrivedMs * contention())]));
			if (first !== undefined && 'value' in first) return first.value;
			if (first !== undefined && !isClosed(first.error)) throw first.error;
			// A connection closes slightly before the process ends.
			if (this.#exit === undefined)
				await Promise.race([ended, delay(closedMs * contention(), undefined, { ref: false })]);
			if (this.#exit === undefined) throw first?.error;
			throw await this.deathError(doing, first?.error);
		} finally {
			this.#waiters.delete(onExit);
		}
	}

	/** Sends a signal to stop, continue or kill the process. @throws HostError */
	async kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
		await this.#child.kill(signal);
	}

	/**
	 * Ends the process with `quit` (if given), then SIGTERM, then SIGKILL, each with its own time limit. Only the first call
	 * acts; all callers get its record. Never rejects.
	 */
	shutdown(
		options: ShutdownBudgets & { readonly quit?: (() => Promise<unknown>) | undefined } = {},
	): Promise<ShutdownRecord> {
		this.#shutdown ??= this.#descend({ ...this.#budgets, ...options });
		return this.#shutdown;
	}

	async #descend({
		quit,
		quitMs = 5000 * contention(),
		termMs = 5000 * contention(),
		killMs = 10_000 * contention(),
	}: ShutdownBudgets & { readonly quit?: (() => Promise<unknown>) | undefined }): Promise<ShutdownRecord> {
		const startedAt = performance.now();
		const steps: [ShutdownStep, number, () => Promise<unknown>][] = [
			['SIGTERM', termMs, () => this.#child.kill('SIGTERM')],
			['SIGKILL', killMs, () => this.#child.kill('SIGKILL')],
		];
		if (quit !== undefined) steps.unshift(['qmp-quit', quitMs, quit]);
		let record: Omit<ShutdownRecord, 'durationMs'> = { by: 'exited', forced: false, exit: this.#exit ?? null };
		for (const [index, [by, budgetMs, act]] of steps.entries()) {
			if (this.#exit !== undefined) break;
			const refused = Promise.try(act).then(() => new Promise<never>(ignore), ignore);
			const timer = new AbortController();
			// If a step is refused, only an end that was already in progress is worth waiting for.
			const grace = refused.then(() =>
				delay(Math.min(200, budgetMs), undefined, { signal: timer.signal }).catch(ignore),
			);
			const budget = delay(budgetMs, undefined, { signal: timer.signal }).catch(ignore);
			const exit = await Promise.race([this.exited, budget, grace]);
			timer.abort();
			record = { by, forced: index > 0, exit: exit ?? null };
			if (exit !== undefined) break;
		}
		// The record does not change if a lost host cannot be reached any more.
		await Promise.resolve(this.#child[Symbol.asyncDispose]()).catch(ignore);
		return { ...record, durationMs: performance.now() - startedAt };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.shutdown();
	}

	/** Describes a record for people; `null` if there is nothing to report. */
	static noteOf(record: ShutdownRecord): string | null {
		const took = `after ${formatDuration(record.durationMs)}`;
		if (record.exit === null) return `QEMU did not end even on SIGKILL ${took}`;
		if (record.forced) return `QEMU did not end when asked to and was ended by ${record.by} ${took}`;
		return null;
	}
}

/**
 * Whether a loader reported an error, or a shell tried to run a program as a script after the kernel refused it (POSIX,
 * 2.9.1.6).
 */
function couldNotRun(stderr: readonly string[]): boolean {
	return loaderComplaint(stderr, false) !== undefined || stderr.some(line => /syntax error/i.test(line));
}

/** Whether an error only says that a connection ended. */
function isClosed(error: unknown): boolean {
	const { code, kind } = (error ?? {}) as { code?: unknown; kind?: unknown };
	return code === 'QMP_DISCONNECTED' || code === 'ECONNRESET' || code === 'EPIPE' || kind === 'console-closed';
}

function ignore(): undefined {
	return undefined;
}
