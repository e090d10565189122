import type { Socket } from 'node:net';
import type { SerialConsole } from '../../guest/console.ts';
import { FramedShell } from '../../guest/framed/shell.ts';
import { openShell, type ShellOptions } from '../../guest/open.ts';
import type { Host, HostFolder } from '../../host/host.ts';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { QmpClient } from '../../qmp/client.ts';
import type { QmpEventNamed } from '../../qmp/typed.ts';
import type { MachinePaths } from '../argv.ts';
import { QemuError } from '../errors.ts';
import { QemuProcess, type ShutdownRecord } from '../process/process.ts';
import type { MachineSpec } from '../spec.ts';
import type { ParsedLog } from '../trace.ts';
import { diagnoseVcpus, type VcpuDiagnosis } from '../vcpu.ts';
import type { Artifacts } from './artifacts.ts';
import { whileRunning } from './halt.ts';
import { keepLog, readLog } from './log.ts';
import type { QmpWatch, UnexpectedEvent } from './qmp-watch.ts';
import { MachineShell } from './shell.ts';
import { describeTriage, type TriageSection, triage } from './triage/triage.ts';

/** Milliseconds since the start was requested; `null` for a step that was not reached. */
export interface MachineTimings {
	/** Until the process runs. */
	readonly spawnMs: number;
	/** Until the QMP greeting. */
	readonly greetingMs: number;
	/** Until the guest's shell has answered. */
	readonly shellMs: number | null;
}

/** The parts of a machine. The machine owns all of them. */
export interface MachineParts {
	readonly host: Host;
	readonly spec: MachineSpec;
	readonly argv: readonly string[];
	readonly process: QemuProcess;
	readonly qmp: QmpClient;
	/** The last lines of QMP traffic, oldest first; updated while QEMU runs. */
	readonly qmpLines: readonly string[];
	/** Has followed QMP since its greeting. */
	readonly watch: QmpWatch;
	/** The wait for this event began before the guest ran. */
	readonly shutDown: Promise<QmpEventNamed<'SHUTDOWN'>>;
	readonly console: SerialConsole | undefined;
	readonly ports: Readonly<Record<string, Socket>>;
	readonly artifacts: Artifacts;
	readonly folder: HostFolder;
	readonly paths: MachinePaths;
	readonly startedAt: number;
	readonly spawnMs: number;
	readonly greetingMs: number;
	readonly shellOptions: Omit<ShellOptions, 'signal'> | undefined;
	readonly onNote: (note: string) => void;
}

/** A running QEMU with its connections, made by {@link startMachine}. It runs until it is disposed of or ends by itself. */
export class Machine implements AsyncDisposable {
	readonly host: Host;
	readonly spec: MachineSpec;
	readonly argv: readonly string[];
	readonly process: QemuProcess;
	readonly qmp: QmpClient;
	/** Port sockets by the spec's names. */
	readonly ports: Readonly<Record<string, Socket>>;
	/** The file of `-D` on the host. */
	readonly logPath: string;
	readonly #parts: MachineParts;
	#shell: MachineShell | undefined;
	/** The port of a reopened shell. */
	#extraPort: Socket | undefined;
	/** Where the guest's agent answered. A restarted guest uses the same place. */
	#isOnPort: boolean | undefined;
	#shellMs: number | null = null;
	#triage: Promise<readonly TriageSection[]> | undefined;
	#ended: Promise<ShutdownRecord> | undefined;
	/** Unexpected events up to the shutdown, which causes events of its own. */
	#unexpected: readonly UnexpectedEvent[] | undefined;

	constructor(parts: MachineParts) {
		this.#parts = parts;
		this.host = parts.host;
		this.spec = parts.spec;
		this.argv = parts.argv;
		this.process = parts.process;
		this.qmp = parts.qmp;
		this.ports = parts.ports;
		this.logPath = parts.paths.log;
		// QEMU exits with status 0 when a guest restarts or powers off: only this event tells the cause.
		parts.shutDown.then(
			({ data }) => {
				if (data.guest) this.process.guestEnd = data.reason;
			},
			() => undefined,
		);
		this.#shell = this.#newShell(parts.ports.vpmu);
	}

	#newShell(port: Socket | undefined): MachineShell | undefined {
		const { console, process, shellOptions, startedAt } = this.#parts;
		if (console === undefined) return undefined;
		// Our guests also serve commands on a port of this name, without the kernel's messages in between.
		return new MachineShell({
			console,
			orEnd: (doing, work) => process.orDeath(doing, whileRunning(this.#parts, doing, work)),
			open: async limits => {
				const viaPort = port === undefined ? {} : { port, hasPort: this.#isOnPort === true };
				const shell = await openShell(console, { ...viaPort, ...shellOptions, ...limits });
				this.#isOnPort = shell instanceof FramedShell && shell.isOnPort;
				return shell;
			},
			onReady: () => {
				this.#shellMs ??= performance.now() - startedAt;
			},
			onSilence: () => this.triage(),
			silentQemu: () => this.#silence(),
		});
	}

	/**
	 * Makes the error for a QEMU that does not answer, or whose vCPUs get no CPU time from the host; `undefined` if neither is
	 * the reason for the guest's silence. @throws HostError, DeadlineError
	 */
	async #silence() {
		const doing = 'its guest was silent';
		try {
			await this.qmp.execute('query-status', undefined, { timeoutMs: 5000 * contention() });
			const vcpus = await this.diagnoseVcpus();
			const starved = vcpus.find(({ verdict }) => verdict === 'waits');
			if (starved === undefined || vcpus.some(({ verdict }) => verdict === 'runs')) return undefined;
			return new QemuError(`the guest is silent because its host does not let it run: ${starved.text}`, {
				...{ failure: 'stuck', argv: this.argv, blame: 'host', evidence: vcpus.map(({ text }) => text) },
			});
		} catch (error) {
			if ((error as { code?: unknown }).code !== 'QMP_TIMEOUT') return undefined;
			return await this.process.silence(doing, error);
		}
	}

	/**
	 * Drops the current shell and prepares a new one, for a guest that was restarted. Pending requests of the old shell fail.
	 * The new shell is opened on first use. @throws HostError, DeadlineError
	 */
	async reopenShell(options: WaitOptions = { timeoutMs: 10_000 * contention() }): Promise<void> {
		const { ports, paths, host } = this.#parts;
		await this.#shell?.[Symbol.asyncDispose]();
		// The old shell may have seen the restart.
		this.#parts.console?.acceptRestart();
		this.#extraPort?.destroy();
		if (ports.vpmu === undefined || this.#isOnPort === false) {
			this.#shell = this.#newShell(undefined);
			return;
		}
		ports.vpmu.destroy();
		const port = await host.connect(paths.ports.vpmu!, options);
		port.on('error', () => undefined);
		this.#extraPort = port;
		this.#shell = this.#newShell(port);
	}

	/** The serial console. @throws UsageError when the spec has none */
	get console(): SerialConsole {
		return this.#parts.console ?? this.#none();
	}

	/** Runs commands in the guest; opened on first use. @throws UsageError when there is no console */
	get shell(): MachineShell {
		return this.#shell ?? this.#none();
	}

	get timings(): MachineTimings {
		return { spawnMs: this.#parts.spawnMs, greetingMs: this.#parts.greetingMs, shellMs: this.#shellMs };
	}

	/** Maps names to local paths of the files kept so far; complete after the shutdown. */
	get artifacts(): Readonly<Record<string, string>> {
		return this.#parts.artifacts.written;
	}

	/** Set while the machine is stopped: whether a command of this session stopped it. */
	get stopped(): { readonly isOwn: boolean } | undefined {
		return this.#parts.watch.stop;
	}

	/** QMP events before the shutdown that no command of this session explains, oldest first. */
	get unexpectedEvents(): readonly UnexpectedEvent[] {
		return this.#unexpected ?? this.#parts.watch.unexpected;
	}

	/** As {@link QemuProcess.orDeath}: rejects when QEMU ends, with how it ended. */
	orDeath<T>(doing: string, promise: Promise<T>): Promise<T> {
		return this.process.orDeath(doing, promise);
	}

	/** Reads QEMU's log so far (at most the first 8 MiB). @throws HostError, DeadlineError */
	async readLog(options: WaitOptions = { timeoutMs: 10_000 * contention() }): Promise<ParsedLog> {
		return await readLog(this.host, this.logPath, options);
	}

	/** Diagnoses each vCPU, see {@link diagnoseVcpus}. @throws QemuError failure `stuck` when QEMU does not answer QMP */
	async diagnoseVcpus(options: WaitOptions & { readonly sampleMs?: number } = {}): Promise<readonly VcpuDiagnosis[]> {
		const { host, qmp, logPath } = this;
		const doing = 'its vCPUs were looked at';
		try {
			return await this.orDeath(doing, diagnoseVcpus({ host, qmp, pid: this.process.pid, logPath }, options));
		} catch (error) {
			if ((error as { code?: unknown }).code !== 'QMP_TIMEOUT') throw error;
			throw await this.process.silence(doing, error);
		}
	}

	/**
	 * Examines a hanging guest, see {@link triage}. The first result is kept as `triage.txt`. Called automatically when the
	 * shell finds the guest silent. Never rejects.
	 * @throws UsageError when there is no console
	 */
	triage(): Promise<readonly TriageSection[]> {
		const { console } = this;
		const { host, qmp, logPath } = this;
		this.#triage ??= (async () => {
			const subject = { host, qmp, console, logPath, pid: this.process.pid, qmpLines: this.#parts.qmpLines };
			const sections = await triage(subject);
			await this.#parts.artifacts.writeText('triage.txt', describeTriage(sections));
			return sections;
		})();
		return this.#triage;
	}

	/**
	 * Ends the machine with QMP `quit`, then SIGTERM, then SIGKILL. Then fetches its log, closes its connections and removes
	 * its folder. Reads the console to its end, so that QEMU cannot block on it. Only the first call acts. Never rejects.
	 */
	shutdown(): Promise<ShutdownRecord> {
		this.#unexpected ??= [...this.#parts.watch.unexpected];
		this.#ended ??= this.#end();
		return this.#ended;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.shutdown();
	}

	async #end(): Promise<ShutdownRecord> {
		const { process, qmp, console, ports, artifacts, folder, onNote } = this.#parts;
		const record = await process.shutdown({
			quit: () => qmp.execute('quit', undefined, { timeoutMs: 5000 * contention() }),
		});
		const note = QemuProcess.noteOf(record);
		if (note !== null) onNote(note);
		const steps: [string, () => PromiseLike<unknown> | undefined][] = [
			['trace.log could not be fetched', () => keepLog(this.host, this.logPath, artifacts)],
			// QEMU's last output is still in transit.
			[
				'the end of the console was not seen',
				() => within('it', console?.closed ?? Promise.resolve(), { timeoutMs: 1000 * contention() }),
			],
			['the shell could not be closed', () => this.#shell?.[Symbol.asyncDispose]()],
			['the console could not be closed', () => console?.[Symbol.asyncDispose]()],
			['QMP could not be closed', () => qmp.close()],
			['the folder on the host could not be removed', () => folder[Symbol.asyncDispose]()],
			['the artifacts could not be closed', () => artifacts[Symbol.asyncDispose]()],
		];
		this.#extraPort?.destroy();
		for (const port of Object.values(ports)) port.destroy();
		for (const [problem, step] of steps) {
			try {
				await within(problem, Promise.resolve(step()), { timeoutMs: 10_000 * contention() });
			} catch (error) {
				onNote(`${problem}: ${messageOf(error)}`);
			}
		}
		return record;
	}

	#none(): never {
		throw new UsageError(`this machine ('${this.spec.machine}', started without kernel) has no console`);
	}
}
