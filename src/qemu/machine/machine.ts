import type { Socket } from 'node:net';
import type { SerialConsole } from '../../guest/console.ts';
import { openShell, type ShellOptions } from '../../guest/open.ts';
import type { Host, HostFolder } from '../../host/host.ts';
import { type WaitOptions, within } from '../../lib/deadline.ts';
import { messageOf, UsageError } from '../../lib/errors.ts';
import type { QmpClient } from '../../qmp/client.ts';
import type { MachinePaths } from '../argv.ts';
import { QemuProcess, type ShutdownRecord } from '../process/process.ts';
import type { MachineSpec } from '../spec.ts';
import type { ParsedLog } from '../trace.ts';
import { diagnoseVcpus, type VcpuDiagnosis } from '../vcpu.ts';
import type { Artifacts } from './artifacts.ts';
import { keepLog, readLog } from './log.ts';
import { MachineShell } from './shell.ts';

/** Milliseconds from the request to start; `null` for what has not been reached. */
export interface MachineTimings {
	/** The process runs. */
	readonly spawnMs: number;
	/** QMP has greeted and is negotiated. */
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
	readonly #shell: MachineShell | undefined;
	#shellMs: number | null = null;
	#ended: Promise<ShutdownRecord> | undefined;

	constructor(parts: MachineParts) {
		this.#parts = parts;
		this.host = parts.host;
		this.spec = parts.spec;
		this.argv = parts.argv;
		this.process = parts.process;
		this.qmp = parts.qmp;
		this.ports = parts.ports;
		this.logPath = parts.paths.log;
		const { console, process, shellOptions } = parts;
		// Our guests serve commands on a port of this name too, free of the kernel's messages.
		const port = parts.ports.vpmu;
		if (console !== undefined) {
			this.#shell = new MachineShell({
				...{ console, process },
				open: limits => openShell(console, { ...(port === undefined ? {} : { port }), ...shellOptions, ...limits }),
				onReady: () => {
					this.#shellMs = performance.now() - parts.startedAt;
				},
			});
		}
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

	/** As {@link QemuProcess.orDeath}: rejects when QEMU ends, with how it ended. */
	orDeath<T>(doing: string, promise: Promise<T>): Promise<T> {
		return this.process.orDeath(doing, promise);
	}

	/** Reads what QEMU has logged until now (of a very long log, the first 8 MiB). @throws HostError, DeadlineError */
	async readLog(options: WaitOptions = { timeoutMs: 10_000 }): Promise<ParsedLog> {
		return await readLog(this.host, this.logPath, options);
	}

	/** How each vCPU fares, see {@link diagnoseVcpus}. */
	diagnoseVcpus(options: WaitOptions & { readonly sampleMs?: number } = {}): Promise<readonly VcpuDiagnosis[]> {
		const { host, qmp, logPath } = this;
		return this.orDeath(
			'its vCPUs were looked at',
			diagnoseVcpus({ host, qmp, pid: this.process.pid, logPath }, options),
		);
	}

	/**
	 * Ends the machine: QMP `quit`, SIGTERM, SIGKILL; then its log is fetched, its connections are closed and its folder
	 * removed. The console is read to the end, so that QEMU cannot block on it. Only the first call acts. Never rejects.
	 */
	shutdown(): Promise<ShutdownRecord> {
		this.#ended ??= this.#end();
		return this.#ended;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.shutdown();
	}

	async #end(): Promise<ShutdownRecord> {
		const { process, qmp, console, ports, artifacts, folder, onNote } = this.#parts;
		const record = await process.shutdown({ quit: () => qmp.execute('quit', undefined, { timeoutMs: 5000 }) });
		const note = QemuProcess.noteOf(record);
		if (note !== null) onNote(note);
		const steps: [string, () => PromiseLike<unknown> | undefined][] = [
			['trace.log could not be fetched', () => keepLog(this.host, this.logPath, artifacts)],
			// What QEMU wrote last is still on its way.
			[
				'the end of the console was not seen',
				() => within('it', console?.closed ?? Promise.resolve(), { timeoutMs: 1000 }),
			],
			['the shell could not be closed', () => this.#shell?.[Symbol.asyncDispose]()],
			['the console could not be closed', () => console?.[Symbol.asyncDispose]()],
			['QMP could not be closed', () => qmp.close()],
			['the folder on the host could not be removed', () => folder[Symbol.asyncDispose]()],
			['the artifacts could not be closed', () => artifacts[Symbol.asyncDispose]()],
		];
		for (const port of Object.values(ports)) port.destroy();
		for (const [problem, step] of steps) {
			try {
				await within(problem, Promise.resolve(step()), { timeoutMs: 10_000 });
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
