import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host, HostProcess, ProcessExit, Untrusted } from '../../host/host.ts';
import { formatDuration } from '../../lib/deadline.ts';
import { VpmuError } from '../../lib/errors.ts';
import { contention } from '../../lib/fair-clock.ts';
import { describeExit, QemuError, type QemuFailure } from '../errors.ts';
import { diagnoseCommand } from './diagnose.ts';
import { loaderComplaint } from './loader.ts';
import { excuseOf, processMoment } from './starvation.ts';
import { StderrTail } from './stderr.ts';

/** The step of the ladder that ended a QEMU; `exited`: it had ended by itself before. */
export type ShutdownStep = 'exited' | 'qmp-quit' | 'SIGTERM' | 'SIGKILL';

/** How a QEMU was brought to its end. */
export interface ShutdownRecord {
	readonly by: ShutdownStep;
	/** A politer step was tried and did not end it. */
	readonly forced: boolean;
	/** `null` when not even SIGKILL ended it in time: the host is at fault (a process in uninterruptible sleep). */
	readonly exit: ProcessExit | null;
	readonly durationMs: number;
}

/** Each step's own time budget: a step that was slow does not shorten the next. */
export interface ShutdownBudgets {
	readonly quitMs?: number;
	readonly termMs?: number;
	readonly killMs?: number;
}

export interface ProcessOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** By default QEMU is not trusted, and its files have at most 1 GiB. */
	readonly untrusted?: Untrusted | 'trusted' | undefined;
	/** Gets all that QEMU writes to stderr. The caller owns it. */
	readonly stderr?: Writable | undefined;
	/** What a process gets of time when it is only disposed of. */
	readonly budgets?: ShutdownBudgets | undefined;
}

/** What a QEMU is kept to that has no guest. */
export const untrustedQemu: Untrusted = { maxFileBytes: 1024 * 1024 * 1024 };

/** Signals that a program does not get from its own faults: somebody ended it, or the kernel for lack of memory. */
const fromOutside: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

/** What is on its way when a process or its connection ends may take so long, times the contention. */
const lastWordsMs = 1000;
const arrivedMs = 500;
const closedMs = 3000;
/** Who is to blame must not depend on how soon the host answers. */
const lookMs = 60_000;

/**
 * Starts a QEMU on a host. The result owns it.
 *
 * @throws QemuError when there is no such program or the host cannot run it; HostError when the host cannot be asked
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

/** A QEMU that runs, or ran, on a host. It ends when it is disposed of. */
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
	/** Called once at the end. Waits come and go by the thousand; reactions to `exited` itself would stay. */
	readonly #waiters = new Set<() => void>();
	#lost: Error | undefined;
	#shutdown: Promise<ShutdownRecord> | undefined;
	/** Why the guest ended the machine, once QMP has said so (`guest-reset`): QEMU's exit status 0 does not tell. */
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
		// A host that is lost destroys stdout with the reason; the exit status is made up then.
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
	 * What the process is doing, as the host's kernel says; for a QEMU that does not answer. Stopped, waiting for the disk or
	 * without a CPU it is the host's doing, otherwise its own. @throws HostError, DeadlineError
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

	/** Resolves when QEMU has said that it waits for a peer of one of its sockets; may never. */
	get announced(): Promise<void> {
		return this.#stderr.announced;
	}

	get isAnnounced(): boolean {
		return this.#stderr.isAnnounced;
	}

	/** What the kernel says of a process that it killed for its memory. */
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

	/** The last lines of stderr, oldest first, of the last 64 KiB. */
	stderrLines(count = 20): readonly string[] {
		return this.#stderr.lines(count);
	}

	/** Lines of stderr that a QEMU which is well does not write, oldest first; at most 20. */
	get unexplainedStderr(): readonly string[] {
		return this.#stderr.unexplained(20);
	}

	/**
	 * The error for a QEMU that has ended (or is about to) while something was asked of it; `doing` completes the
	 * sentence "QEMU ended with status 1 while …". Where the program could not even be run, that is what it says.
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
		// A QEMU of its own accord ends with 0 or 1; the others are a loader's and a shell's.
		const isOver = exit.status === 126 || exit.status === 127;
		if (isOver || (exit.status !== 0 && couldNotRun(evidence))) {
			const said = { stderr: evidence, isOver };
			const asked = diagnoseCommand(this.host, this.argv, said, { timeoutMs: lookMs });
			const diagnosis = await asked.catch(() => undefined);
			if (diagnosis !== undefined) {
				const { text, failure, blame } = diagnosis;
				return new QemuError(text, { ...details, failure, blame });
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
	 * Settles as `promise` does, but rejects with {@link deathError} as soon as QEMU ends. A rejection that only says that a
	 * connection has closed is reported as QEMU's end, with the rejection as its cause; any other (the guest's panic that
	 * ended QEMU) is itself the first cause and stays.
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
			// What had already arrived from a QEMU that ended is still an answer, and may be the cause of the end.
			const first =
				(await Promise.race([settled, ended])) ?? (await Promise.race([settled, delay(arrivedMs * contention())]));
			if (first !== undefined && 'value' in first) return first.value;
			if (first !== undefined && !isClosed(first.error)) throw first.error;
			// A connection ends a moment before the process does.
			if (this.#exit === undefined)
				await Promise.race([ended, delay(closedMs * contention(), undefined, { ref: false })]);
			if (this.#exit === undefined) throw first?.error;
			throw await this.deathError(doing, first?.error);
		} finally {
			this.#waiters.delete(onExit);
		}
	}

	/** Stops or continues the process, or ends it without asking. @throws HostError */
	async kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
		await this.#child.kill(signal);
	}

	/**
	 * Brings it to its end: `quit` (if given), SIGTERM, SIGKILL, each with a budget of its own. Only the first call
	 * decides; all get its record. Never rejects.
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
			// A step that is refused outright leaves nothing to wait for but an end that was on its way.
			const grace = refused.then(() =>
				delay(Math.min(200, budgetMs), undefined, { signal: timer.signal }).catch(ignore),
			);
			const budget = delay(budgetMs, undefined, { signal: timer.signal }).catch(ignore);
			const exit = await Promise.race([this.exited, budget, grace]);
			timer.abort();
			record = { by, forced: index > 0, exit: exit ?? null };
			if (exit !== undefined) break;
		}
		// What cannot be told of a lost host any more changes nothing of the record.
		await Promise.resolve(this.#child[Symbol.asyncDispose]()).catch(ignore);
		return { ...record, durationMs: performance.now() - startedAt };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.shutdown();
	}

	/** What a record means for a person, `null` when nothing is worth saying. */
	static noteOf(record: ShutdownRecord): string | null {
		const took = `after ${formatDuration(record.durationMs)}`;
		if (record.exit === null) return `QEMU did not end even on SIGKILL ${took}`;
		if (record.forced) return `QEMU did not end when asked to and was ended by ${record.by} ${took}`;
		return null;
	}
}

/** Whether a loader complained, or a shell took a program that the kernel refuses for a script of its own (POSIX, 2.9.1.6). */
function couldNotRun(stderr: readonly string[]): boolean {
	return loaderComplaint(stderr, false) !== undefined || stderr.some(line => /syntax error/i.test(line));
}

/** Whether an error says no more than that a connection ended. */
function isClosed(error: unknown): boolean {
	const { code, kind } = (error ?? {}) as { code?: unknown; kind?: unknown };
	return code === 'QMP_DISCONNECTED' || code === 'ECONNRESET' || code === 'EPIPE' || kind === 'console-closed';
}

function ignore(): undefined {
	return undefined;
}
