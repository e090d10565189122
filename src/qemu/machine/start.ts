import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConsoleOptions, SerialConsole } from '../../guest/console.ts';
import type { ShellOptions } from '../../guest/open.ts';
import type { Host, HostFolder } from '../../host/host.ts';
import { formatDuration, poll, type WaitOptions } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import type { QmpClient } from '../../qmp/client.ts';
import { connectQmp } from '../../qmp/connect.ts';
import { QmpError } from '../../qmp/errors.ts';
import { formatRecord } from '../../qmp/wire/recording.ts';
import { buildArgv, hasConsole, type MachinePaths } from '../argv.ts';
import { QemuError } from '../errors.ts';
import { connectWhenReady, noAnswer } from '../process/connect.ts';
import { type ShutdownBudgets, startProcess } from '../process/process.ts';
import type { MachineSpec } from '../spec.ts';
import { Artifacts } from './artifacts.ts';
import { makeFifos, openFifos } from './fifos.ts';
import { keepLog, readLog } from './log.ts';
import { Machine } from './machine.ts';
import { QmpWatch } from './qmp-watch.ts';

/** How to start a machine, and what to keep of it. */
export interface StartOptions extends WaitOptions {
	/** Aborts the start. Has no effect once the machine is started. */
	readonly signal?: AbortSignal | undefined;
	/** Limit for the whole start, until the vCPUs run. Default 30 s. */
	readonly timeoutMs?: number | undefined;
	/** Local folder for {@link ArtifactName} files, created if missing. Without it no files are kept. */
	readonly artifacts?: string | undefined;
	/** Options for the guest's shell. */
	readonly shell?: Omit<ShellOptions, 'signal'> | undefined;
	readonly console?: Omit<ConsoleOptions, 'record'> | undefined;
	/** Time limit of each shutdown step. */
	readonly budgets?: ShutdownBudgets | undefined;
	/** QEMU runs with vpmu's own rights, even root's: for the emulator of a board. Default: QEMU is untrusted. */
	readonly trusted?: boolean | undefined;
	/** Receives notes for people that do not affect the result: a forced shutdown, a file that could not be written. */
	readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Starts a QEMU on a host and connects to it. The machine owns the process, its sockets and its folder on the host; dispose
 * of it. Its vCPUs run when this resolves, unless the spec says `paused`.
 *
 * @throws QemuError when QEMU cannot be started or ends; QmpError when QMP fails; HostError; DeadlineError; the signal's
 *   reason; UsageError for an impossible spec. Everything is cleaned up in that case.
 */
export async function startMachine(host: Host, spec: MachineSpec, options: StartOptions = {}): Promise<Machine> {
	const { signal, timeoutMs = 30_000 * contention(), onNote = () => undefined } = options;
	const startedAt = performance.now();
	const elapsed = () => performance.now() - startedAt;
	const limits = () => ({ signal, timeoutMs: Math.max(1, timeoutMs - elapsed()) });
	signal?.throwIfAborted();

	await using stack = new AsyncDisposableStack();
	const artifacts = stack.use(await Artifacts.open(options.artifacts, onNote));
	const folder = await host.makeFolder({ own: options.trusted === true });
	stack.defer(() => quietly(folder));
	const paths = pathsIn(folder, spec, host.kind === 'local');
	const argv = buildArgv(spec, paths);
	const fifos = paths.consoleFifos === true ? makeFifos(paths.console, folder.path) : undefined;

	const { budgets } = options;
	const stderr = artifacts.stream('qemu.stderr');
	const { trusted = false } = options;
	const maxFileBytes = (spec.largestFileMiB ?? spec.memoryMiB + filesMiB) * 1024 * 1024;
	const untrusted = trusted
		? ('trusted' as const)
		: { maxFileBytes, needsKvm: spec.accel === 'kvm', within: spec.within ?? [] };
	const [process] = await Promise.all([
		startProcess(host, trusted ? [...(spec.within ?? []), ...argv] : argv, { budgets, stderr, untrusted }).then(
			started => stack.use(started),
		),
		artifacts.writeJson('argv.json', { host: host.name, argv, spec }),
	]);
	const spawnMs = elapsed();
	if (!trusted && host.rootBecause !== null) onNote(`QEMU runs as root on ${host.name}: ${host.rootBecause}`);

	try {
		const connections = await connectAll();
		stack.move();
		return new Machine({
			...{ host, spec, argv, process, artifacts, folder, paths, startedAt, spawnMs, onNote },
			...{ ...connections, shellOptions: options.shell },
		});
	} catch (error) {
		// The log from before the failure is evidence, and its folder is about to be removed.
		await keepLog(host, paths.log, artifacts).catch(() => undefined);
		if (error instanceof QemuError) error.log = await readLog(host, paths.log, { timeoutMs: 5000 }).catch(() => null);
		throw error;
	}

	async function connectAll() {
		// QEMU makes the sockets early. When the last one exists they all do. QEMU accepts the connections when its start is
		// complete.
		const [socket, consoleStream, ...portSockets] = await Promise.all([
			connected(paths.qmp),
			hasConsole(spec) && paths.consoleFifos !== true ? connected(paths.console) : undefined,
			...(spec.ports ?? []).map(name => connected(paths.ports[name]!)),
		]);
		const ports = Object.fromEntries((spec.ports ?? []).map((name, index) => [name, portSockets[index]!]));

		const keepQmp = artifacts.recorder('qmp.ndjson');
		const qmpLines: string[] = [];
		const watch = new QmpWatch({ mayReset: spec.reboot === true });
		const connecting = connectQmp(socket, {
			...{ ...limits(), name: `QMP of QEMU (process ${process.pid})`, eager: true },
			record: record => {
				watch.record(record);
				const line = formatRecord(record);
				keepQmp?.(line);
				qmpLines.push(shorten(line));
				if (qmpLines.length > keptQmpLines) qmpLines.shift();
			},
			describeDeath: async () => ({ ...(await process.exited), stderr: process.stderrLines() }),
		});
		const qmp = await process.orDeath('QMP was greeted', connecting).catch(async error => {
			if (!(error instanceof QmpError) || error.code !== 'QMP_TIMEOUT') throw error;
			throw await noAnswer(
				process,
				`QEMU runs, but had not greeted over QMP after ${formatDuration(timeoutMs)}`,
				error,
			);
		});
		stack.defer(() => quietly(qmp));
		const greetingMs = elapsed();
		// Listen before the guest runs: it may shut down at once.
		const shutDown = qmp.waitEvent('SHUTDOWN');
		shutDown.catch(() => undefined);

		let console: SerialConsole | undefined;
		if (hasConsole(spec)) {
			const record = artifacts.consoleRecorder();
			console = stack.use(
				new SerialConsole(consoleStream ?? (await openConsole()), {
					...options.console,
					...(record === undefined ? {} : { record }),
				}),
			);
		}
		const chardevs = [
			...(consoleStream === undefined ? [] : ['console']),
			...portSockets.map((_, index) => `port${index}`),
		];
		const taken = process.orDeath('its sockets were connected', chardevsConnected(qmp, chardevs, limits()));
		// If QEMU itself waited for the console, it is connected. A guest needs a while to find its ports.
		if (paths.announced !== true) await taken;
		const running =
			spec.paused === true
				? undefined
				: process.orDeath('its vCPUs were started', qmp.execute('cont', undefined, limits()));
		// QEMU sends the greeting while it is still starting, and may still fail. It answers commands only after a successful
		// start.
		const started = process.orDeath('QMP was negotiated', qmp.negotiated);
		await Promise.all([started, taken, running]);

		return { qmp, qmpLines, watch, console, ports, greetingMs, shutDown };
	}

	/** Connects to a QEMU socket. Its new owner handles its errors. */
	async function connected(socketPath: string): Promise<Socket> {
		const socket = await connectWhenReady(process, socketPath, { ...limits(), announced: paths.announced === true });
		socket.on('error', () => undefined);
		stack.defer(() => void socket.destroy());
		return socket;
	}

	async function openConsole(): Promise<Duplex> {
		// QEMU has sent the greeting, so it has opened its end.
		return await process.orDeath(
			'its console was opened',
			Promise.try(() => openFifos(fifos!)),
		);
	}
}

/** Besides the guest's memory (a migration to a file), QEMU writes its log, a device tree, a screen dump. */
const filesMiB = 128;

/** Number of QMP lines kept for a triage, and of characters kept of each. */
const keptQmpLines = 20;

function shorten(line: string): string {
	return line.length > 500 ? `${line.slice(0, 497)}...` : line.trimEnd();
}

/** Disposes of the remains of a failed start, ignoring errors, so that the first error is reported. */
async function quietly(owned: AsyncDisposable): Promise<void> {
	try {
		await owned[Symbol.asyncDispose]();
	} catch {
		// The start's own error is being thrown.
	}
}

function pathsIn(folder: HostFolder, spec: MachineSpec, isLocal: boolean): MachinePaths {
	const at = (name: string) => `${folder.path}/${name}`;
	const ports = Object.fromEntries((spec.ports ?? []).map((name, index) => [name, at(`port${index}`)]));
	return {
		...{ qmp: at('qmp'), console: at('console'), log: at('log'), ports },
		...{ consoleFifos: isLocal && hasConsole(spec), announced: !isLocal },
	};
}

/** Waits until QEMU has accepted the connections: guest output to a chardev without a peer is lost. */
async function chardevsConnected(qmp: QmpClient, ids: readonly string[], limits: WaitOptions): Promise<void> {
	if (ids.length === 0) return;
	await poll(
		"QEMU's taking of the console connection",
		async () => {
			const all = (await qmp.execute('query-chardev', undefined, limits)) as readonly {
				label: string;
				filename: string;
			}[];
			const waiting = all.some(({ label, filename }) => ids.includes(label) && filename.startsWith('disconnected:'));
			return waiting ? undefined : true;
		},
		{ ...limits, everyMs: 2 },
	);
}
