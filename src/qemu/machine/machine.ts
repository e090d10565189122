import type { Socket } from 'node:net';
import type { SerialConsole } from '../../guest/console.ts';
import { FramedShell } from '../../guest/framed/shell.ts';
import { openShell, type ShellOptions } from '../../guest/open.ts';
import type { Host, HostFolder } from '../../host/host.ts';
import { type WaitOptions, within } from '../../lib/deadline.ts';
import { messageOf, UsageError } from '../../lib/errors.ts';
import { contention } from '../../lib/fair-clock.ts';
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
import { describeTriage, type TriageSection, triage } from './triage.ts';

/** Milliseconds from the request to start; `null` for what has not been reached. */
export interface MachineTimings {
	/** The process runs. */
	readonly spawnMs: number;
	/** QMP has greeted. */
	readonly greetingMs: number;
	/** The guest's shell has answered. */
	readonly shellMs: number | null;
}

/** What a machine is made of; it owns all of it from then on. */
export interface MachineParts {
	readonly host: Host;
	readonly spec: MachineSpec;
	readonly argv: readonly string[];
	readonly process: QemuProcess;
	readonly qmp: QmpClient;
	/** The last lines of QMP traffic, oldest first; they go on changing. */
	readonly qmpLines: readonly string[];
	/** Has followed QMP from its greeting on. */
	readonly watch: QmpWatch;
	/** Waited for since before the guest ran. */
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

/** A QEMU with its connections, running until it is disposed of or ends by itself. Made by {@link startMachine}. */
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
	/** The port of a shell that was opened anew. */
	#extraPort: Socket | undefined;
	/** Where the guest's agent was heard; a guest that is started anew is the same one. */
	#isOnPort: boolean | undefined;
	#shellMs: number | null = null;
	#triage: Promise<readonly TriageSection[]> | undefined;
	#ended: Promise<ShutdownRecord> | undefined;
	/** As they were when the end began, which brings its own. */
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
		// A guest that restarts or powers off ends QEMU with status 0: only this tells who wanted it.
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
		// Our guests serve commands on a port of this name too, free of the kernel's messages.
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
	 * The error for a QEMU that does not answer or whose vCPUs get no CPU of the host: `undefined` where neither is why the
	 * guest is silent. @throws HostError, DeadlineError
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
	 * Gives up the shell as it is and takes a new one, for a guest that was restarted: what was asked of the old one fails.
	 * The new one is opened at its first use. @throws HostError, DeadlineError
	 */
	async reopenShell(options: WaitOptions = { timeoutMs: 10_000 * contention() }): Promise<void> {
		const { ports, paths, host } = this.#parts;
		await this.#shell?.[Symbol.asyncDispose]();
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

	/** The serial console. @throws UsageError when the spec asks for none */
	get console(): SerialConsole {
		return this.#parts.console ?? this.#none();
	}

	/** Commands in the guest; the shell is opened at its first use. @throws UsageError when there is no console */
	get shell(): MachineShell {
		return this.#shell ?? this.#none();
	}

	get timings(): MachineTimings {
		return { spawnMs: this.#parts.spawnMs, greetingMs: this.#parts.greetingMs, shellMs: this.#shellMs };
	}

	/** Name to local path of the files kept so far; complete when the machine has been shut down. */
	get artifacts(): Readonly<Record<string, string>> {
		return this.#parts.artifacts.written;
	}

	/** Set while QEMU has stopped the machine: whether a command of this session did it. */
	get stopped(): { readonly isOwn: boolean } | undefined {
		return this.#parts.watch.stop;
	}

	/** QMP events that no command of this session explains, until the machine was ended; oldest first. */
	get unexpectedEvents(): readonly UnexpectedEvent[] {
		return this.#unexpected ?? this.#parts.watch.unexpected;
	}

	/** As {@link QemuProcess.orDeath}: rejects when QEMU ends, with how it ended. */
	orDeath<T>(doing: string, promise: Promise<T>): Promise<T> {
		return this.process.orDeath(doing, promise);
	}

	/** Reads what QEMU has logged until now (of a very long log, the first 8 MiB). @throws HostError, DeadlineError */
	async readLog(options: WaitOptions = { timeoutMs: 10_000 * contention() }): Promise<ParsedLog> {
		return await readLog(this.host, this.logPath, options);
	}

	/** How each vCPU fares, see {@link diagnoseVcpus}. @throws QemuError failure `stuck` when QEMU does not answer QMP */
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
	 * Looks at a guest that hangs, see {@link triage}; the first look is kept as `triage.txt`. Done by itself when the shell
	 * finds the guest silent. Never rejects.
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
	 * Ends the machine: QMP `quit`, SIGTERM, SIGKILL; then its log is fetched, its connections are closed and its folder
	 * removed. The console is read to the end, so that QEMU cannot block on it. Only the first call acts. Never rejects.
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
			// What QEMU wrote last is still on its way.
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
