import type { Socket } from 'node:net';
import type {
	CommandResult,
	GetOptions,
	Host,
	HostFolder,
	HostLock,
	HostProcess,
	HostReference,
	ReadOptions,
	RunOptions,
	SpawnOptions,
} from '../host/host.ts';
import { localHost } from '../host/local.ts';
import type { RemoteHost } from '../host/ssh/host.ts';
import type { Cache } from '../image/index.ts';
import type { WaitOptions } from '../lib/deadline.ts';
import { messageOf } from '../lib/errors.ts';
import { contention } from '../lib/fair-clock.ts';
import type { Machine } from '../qemu/machine/machine.ts';
import { connectBoard } from './connect.ts';
import { BoardError } from './errors.ts';
import { boardSpec, sshPort, startLevel0 } from './level0.ts';
import { type BoardParts, boardParts } from './parts.ts';
import { boardFolder, keepSnapshot, restoreSnapshot } from './snapshot.ts';
import { layOut, loadTopology, type Topology } from './topology.ts';

export interface BoardOptions {
	readonly cache: Cache;
	/** Name of a topology, or one of one's own. */
	readonly topology: string | Topology;
	/** Number of CPUs, where it is not to be the topology's own. */
	readonly cpus?: number;
	/** The board's kernel: `debian:SUITE`, a suite, or a path. */
	readonly kernel?: string;
	/**
	 * Files and folders of the cache that its snapshot is to hold already, so that providing them costs nothing. Their names
	 * must tell their content apart, as those in the cache do.
	 */
	readonly preload?: readonly string[];
	readonly signal?: AbortSignal;
	/** For restoring and connecting; a snapshot that has to be taken first has its own time. Default 60 s. */
	readonly timeoutMs?: number;
}

/** Milliseconds from the request to start. */
export interface BoardTimings {
	/** Everything that it is made of is there. */
	readonly partsMs: number;
	/** The snapshot is there. */
	readonly snapshotMs: number;
	/** It runs. */
	readonly restoredMs: number;
	/** It has been reached over ssh. */
	readonly connectedMs: number;
}

/**
 * Starts a board: a copy of its own of the topology's snapshot (taken first where there is none), reached over ssh. The
 * caller owns it; it ends when disposed of, or with this process.
 *
 * @throws UsageError for an unknown topology or kernel; BoardError or VpmuError when it cannot be had
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
	const { cache, signal, timeoutMs = 60_000 * contention() } = options;
	const startedAt = performance.now();
	const elapsed = () => Math.round(performance.now() - startedAt);
	const topology = typeof options.topology === 'string' ? await loadTopology(options.topology) : options.topology;
	const layout = layOut(topology, options.cpus);
	const name = `board:${topology.name}`;

	await using stack = new AsyncDisposableStack();
	const local = stack.use(localHost());
	const parts = await boardParts(cache, local, layout, options.kernel, options.preload);
	const partsMs = elapsed();
	const snapshot = await keepSnapshot(cache, local, parts, () => boardFolder(local), { signal });
	const snapshotMs = elapsed();
	const limits = { signal, timeoutMs };
	const folder = stack.use(await boardFolder(local));
	const machine = stack.use(await startLevel0(local, name, boardSpec(parts, folder, { snapshot }), folder, limits));
	try {
		await machine.orDeath('its snapshot was loaded', restoreSnapshot(machine, name, snapshot, limits));
		const restoredMs = elapsed();
		const remote = stack.use(await connectBoard(machine, parts, folder, limits));
		const timings = { partsMs, snapshotMs, restoredMs, connectedMs: elapsed() };
		const port = await sshPort(machine);
		return new Board({ remote, machine, parts, timings, port, consoleLog: folder.console, owned: stack.move() });
	} catch (cause) {
		if (signal?.aborted || cause instanceof BoardError) throw cause;
		throw new BoardError(`${name} could not be started: ${messageOf(cause)}`, {
			board: name,
			evidence: machine.console.lastLines(20),
			cause,
		});
	}
}

/** A board that runs. Made by {@link startBoard}. */
export class Board implements Host {
	readonly kind = 'board';
	readonly name: string;
	readonly topology: string;
	readonly cpus: number;
	/** `uname -r` of its kernel. */
	readonly kernel: string;
	/** Its console as a file of this machine, for as long as it runs. */
	readonly consoleLog: string;
	readonly timings: BoardTimings;
	/** The emulator. */
	readonly machine: Machine;
	/** Arguments of ssh that lead to it. */
	readonly sshArguments: readonly string[];
	readonly #remote: RemoteHost;
	readonly #owned: AsyncDisposableStack;

	constructor(made: {
		remote: RemoteHost;
		machine: Machine;
		parts: BoardParts;
		timings: BoardTimings;
		port: number;
		consoleLog: string;
		owned: AsyncDisposableStack;
	}) {
		const { parts } = made;
		this.name = made.remote.name;
		this.topology = parts.layout.topology.name;
		this.cpus = parts.layout.cpus;
		this.kernel = parts.kernel.release;
		this.consoleLog = made.consoleLog;
		this.timings = made.timings;
		this.machine = made.machine;
		this.sshArguments = ['-p', String(made.port), ...parts.keys.sshOptions, 'root@127.0.0.1'];
		this.#remote = made.remote;
		this.#owned = made.owned;
	}

	get reference(): HostReference {
		return this.#remote.reference;
	}

	run(argv: readonly string[], options?: RunOptions): Promise<CommandResult> {
		return this.#remote.run(argv, options);
	}

	spawn(argv: readonly string[], options?: SpawnOptions): Promise<HostProcess> {
		return this.#remote.spawn(argv, options);
	}

	connect(socketPath: string, options?: WaitOptions): Promise<Socket> {
		return this.#remote.connect(socketPath, options);
	}

	put(localPath: string, hostPath: string, options?: WaitOptions): Promise<void> {
		return this.#remote.put(localPath, hostPath, options);
	}

	get(hostPath: string, localPath: string, options?: GetOptions): Promise<void> {
		return this.#remote.get(hostPath, localPath, options);
	}

	read(hostPath: string, options?: ReadOptions): Promise<Buffer> {
		return this.#remote.read(hostPath, options);
	}

	provide(localPath: string, options?: WaitOptions): Promise<string> {
		return this.#remote.provide(localPath, options);
	}

	get rootBecause(): string | null {
		return this.#remote.rootBecause;
	}

	makeFolder(options?: { readonly own?: boolean }): Promise<HostFolder> {
		return this.#remote.makeFolder(options);
	}

	lock(name: string, options?: WaitOptions): Promise<HostLock> {
		return this.#remote.lock(name, options);
	}

	/** Stops its CPUs and its clock, until {@link proceed}; connections stay. Nobody may need it meanwhile. @throws QmpError */
	async halt(): Promise<void> {
		await this.machine.qmp.execute('stop');
	}

	/** Lets it go on after {@link halt}; does nothing to one that goes. @throws QmpError */
	async proceed(): Promise<void> {
		await this.machine.qmp.execute('cont');
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}
}
