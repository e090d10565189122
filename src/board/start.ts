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
import { messageOf } from '../lib/errors.ts';
import type { WaitOptions } from '../lib/waiting/deadline.ts';
import { contention } from '../lib/waiting/fair-clock.ts';
import type { Machine } from '../qemu/machine/machine.ts';
import { connectBoard } from './connect.ts';
import { BoardError } from './errors.ts';
import { boardSpec, sshPort, startLevel0 } from './level0.ts';
import { type BoardParts, boardParts, slownessOf } from './parts.ts';
import { boardFolder, keepSnapshot, restoreSnapshot } from './snapshot.ts';
import { layOut, loadTopology, type Topology } from './topology.ts';

export interface BoardOptions {
	readonly cache: Cache;
	/** Name of a topology, or a custom one. */
	readonly topology: string | Topology;
	/** Number of CPUs, if not the topology's own. */
	readonly cpus?: number;
	/** The board's kernel: `debian:SUITE`, a suite, `small`, or a path. */
	readonly kernel?: string;
	/**
	 * Cached files and folders to include in the snapshot, so that providing them later costs nothing. Their names
	 * must identify their content, like those in the cache.
	 */
	readonly preload?: readonly string[];
	readonly signal?: AbortSignal;
	/** Time limit for restoring and connecting; taking a missing snapshot has its own limit. Default 60 s. */
	readonly timeoutMs?: number;
}

/** Milliseconds from the request to start. */
export interface BoardTimings {
	/** All its parts exist. */
	readonly partsMs: number;
	/** The snapshot exists. */
	readonly snapshotMs: number;
	/** The board runs. */
	readonly restoredMs: number;
	/** The board was reached over ssh. */
	readonly connectedMs: number;
}

/**
 * Starts a board as a copy of the topology's snapshot (taken first if missing), and connects over ssh. The
 * caller owns the board. It ends when disposed of, or with this process.
 *
 * @throws UsageError for an unknown topology or kernel; BoardError or VpmuError when it cannot be started
 */
export async function startBoard(options: BoardOptions): Promise<Board> {
	const { cache, signal } = options;
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
	const { timeoutMs = 60_000 * slownessOf(parts) * contention() } = options;
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

/** A running board. Made by {@link startBoard}. */
export class Board implements Host {
	readonly kind = 'board';
	readonly name: string;
	readonly topology: string;
	readonly cpus: number;
	/** `uname -r` of its kernel. */
	readonly kernel: string;
	/** Path of its console log on this machine, while it runs. */
	readonly consoleLog: string;
	readonly timings: BoardTimings;
	/** The emulator process. */
	readonly machine: Machine;
	/** ssh arguments for connecting to it. */
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

	/**
	 * Stops its CPUs and its clock until {@link proceed}; connections stay open. Only call it while the board is not in
	 * use. @throws QmpError
	 */
	async halt(): Promise<void> {
		await this.machine.qmp.execute('stop');
	}

	/** Resumes it after {@link halt}; does nothing if it is running. @throws QmpError */
	async proceed(): Promise<void> {
		await this.machine.qmp.execute('cont');
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#owned.disposeAsync();
	}
}
