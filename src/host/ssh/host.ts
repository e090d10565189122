import { createServer, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { harmless, listen } from '../../lib/text/streams.ts';
import { type WaitOptions, within } from '../../lib/waiting/deadline.ts';
import { HostError } from '../errors.ts';
import { getForeign, readForeign } from '../files/fetch.ts';
import { putByTar, type Unpack } from '../files/transfer.ts';
import { Workspace } from '../files/workspace.ts';
import type {
	CommandResult,
	GetOptions,
	Host,
	HostFolder,
	HostLock,
	HostProcess,
	HostReference,
	ProcessExit,
	ReadOptions,
	RunOptions,
	SpawnOptions,
} from '../host.ts';
import { connectLocal } from '../local.ts';
import { takeLock } from '../lock.ts';
import { runToEnd } from '../processes/collect.ts';
import { dropTo, groupOf, obstacleTo, ownKvm, untrustedId } from '../processes/rights.ts';
import { superviseByFifo } from '../processes/supervise.ts';
import { Provider } from '../provider.ts';
import { readyFolders } from './agent.ts';
import type { Channel } from './channel.ts';
import { ChannelRefused } from './connection.ts';
import { type LossDetails, type Master, startMaster } from './master.ts';
import { checkTarget, type SshOptions } from './options.ts';

/** Options for ssh hosts other than a user's own machine. */
export interface RemoteOptions extends SshOptions, WaitOptions {
	readonly name: string;
	readonly kind: 'ssh' | 'board';
	readonly topology?: string;
	readonly beatMs?: number;
	/** Time for the cleanup on the host at the end. Default 3 s; 0 if the host ends as well. */
	readonly farewellMs?: number;
	/** A way to send a tar archive to the host that is faster than ssh. */
	readonly unpack?: Unpack;
	/** Shell commands to run first on the host. */
	readonly prelude?: string;
	/** Returns further details when the connection is lost. */
	readonly explainLoss?: () => Promise<LossDetails>;
	/**
	 * Where `provide` keeps its copies: a path on the host; `~/` is the home folder on the host. Default: the user's cache on
	 * the host.
	 */
	readonly store?: string;
}

/**
 * Connects to a machine with the system's ssh and the user's ssh settings. The caller owns the connection. When the
 * connection ends for any reason, everything started through it ends too.
 *
 * @throws HostError when the host cannot be reached; UsageError for an invalid target
 */
export function sshHost(target: string, options: SshOptions & WaitOptions = {}): Promise<Host> {
	const name = checkTarget(target).startsWith('ssh://') ? target : `ssh://${target}`;
	return connectHost(target, { ...options, name, kind: 'ssh', beatMs: 15_000 });
}

/** As {@link sshHost}, with more options. */
export async function connectHost(target: string, options: RemoteOptions): Promise<RemoteHost> {
	const workspace = new Workspace();
	try {
		const master = await startMaster(target, {
			...options,
			options: options.options ?? [],
			blame: blameOf(options.kind),
			controlPath: await workspace.reserve(),
		});
		return new RemoteHost(master, workspace, target, options);
	} catch (error) {
		await workspace[Symbol.asyncDispose]();
		throw error;
	}
}

const blameOf = (kind: 'ssh' | 'board') => (kind === 'board' ? 'board' : 'host');

/** Use {@link sshHost} or {@link connectHost}. */
export class RemoteHost implements Host {
	readonly name: string;
	readonly kind: 'ssh' | 'board';
	readonly topology: string | null;
	readonly reference: HostReference;
	/** Resolves when the connection is lost; never rejects. */
	readonly lost: Promise<HostError>;
	readonly #master: Master;
	readonly #workspace: Workspace;
	readonly #provider: Provider;
	readonly #unpack: Unpack | undefined;
	#lost: HostError | undefined;
	#rootBecause: string | null = null;
	#ready = 0;
	#folders = 0;

	constructor(master: Master, workspace: Workspace, target: string, options: RemoteOptions) {
		this.name = options.name;
		this.kind = options.kind;
		this.topology = options.topology ?? null;
		const { name, kind, topology } = this;
		this.reference = { kind, name, topology, target, options: options.options ?? [] };
		this.#master = master;
		this.#workspace = workspace;
		this.#unpack = options.unpack;
		const isRoot = master.uid === '0';
		// The user that QEMU runs as cannot enter root's home.
		const store = options.store ?? (isRoot ? '/var/cache/vpmu/provided' : '~/.cache/vpmu/provided');
		this.#provider = new Provider(this, {
			...{ store, isShared: isRoot, unpack: options.unpack },
			// A board ends with its connection.
			agentFolder: options.kind === 'board' ? undefined : master.base,
		});
		this.lost = master.lost;
		this.lost.then(error => {
			this.#lost = error;
		});
	}

	run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
		return runToEnd(this, argv, options);
	}

	async connect(socketPath: string, { signal, timeoutMs }: WaitOptions = {}): Promise<Socket> {
		const opening = this.#master.connection.connectUnix(socketPath);
		let channel: Channel;
		try {
			channel = await within(`connecting to ${socketPath} on ${this.name}`, opening, { signal, timeoutMs });
		} catch (cause) {
			opening.then(
				late => late.destroy(),
				() => undefined,
			);
			if (cause instanceof ChannelRefused) {
				throw this.#error(`cannot connect to '${socketPath}' on ${this.name}: nothing listens`, 'no-socket', cause);
			}
			throw await this.#explain(cause);
		}
		return await this.#asSocket(channel);
	}

	async put(localPath: string, hostPath: string, options: WaitOptions = {}): Promise<void> {
		await putByTar(this, localPath, hostPath, options, this.#unpack);
	}

	async get(hostPath: string, localPath: string, options: GetOptions = {}): Promise<void> {
		await getForeign(this, hostPath, localPath, options);
	}

	async read(hostPath: string, options: ReadOptions = {}): Promise<Buffer> {
		const { rights } = this.#master;
		const as = options.untrusted === true && rights.as === 'nobody' ? dropTo(untrustedId) : [];
		return await readForeign(this, hostPath, options, as);
	}

	provide(localPath: string, options: WaitOptions = {}): Promise<string> {
		return this.#provider.provide(localPath, options);
	}

	get rootBecause(): string | null {
		return this.#rootBecause;
	}

	#confined(argv: readonly string[], { untrusted }: SpawnOptions): readonly string[] {
		const { rights } = this.#master;
		if (untrusted === undefined) return argv;
		this.#rootBecause = obstacleTo(untrusted, rights);
		const { within = [], needsKvm = false } = untrusted;
		if (rights.as !== 'nobody' || this.#rootBecause !== null) return [...within, ...argv];
		const kvm = needsKvm && rights.kvmGroup === 'own' ? ownKvm(`${this.#master.base}/kvm`) : [];
		return [...within, ...kvm, ...dropTo(groupOf(rights)), ...argv];
	}

	async makeFolder({ own = false }: { readonly own?: boolean } = {}): Promise<HostFolder> {
		const isOthers = !own && this.#master.rights.as === 'nobody';
		// The folders made in advance belong to the user that untrusted programs run as.
		const isReady = this.#ready < readyFolders && (isOthers || this.#master.rights.as !== 'nobody');
		const folder = `${this.#master.base}/${isReady ? this.#ready++ : `f${this.#folders++}`}`;
		if (!isReady) await this.#make(folder, isOthers);
		return {
			path: folder,
			[Symbol.asyncDispose]: async () => {
				if (this.#lost === undefined)
					await this.run(['rm', '-rf', '--', folder], { timeoutMs: 10_000 }).catch(() => undefined);
			},
		};
	}

	async #make(folder: string, isOthers: boolean): Promise<void> {
		const give = isOthers ? ` && chown ${untrustedId}:${untrustedId} -- "$1"` : '';
		const { status, stderr } = await this.run(['sh', '-c', `mkdir -m 700 -- "$1"${give}`, 'sh', folder]);
		if (status !== 0) throw this.#error(`cannot make a folder on ${this.name}: ${stderr.toString().trim()}`, 'other');
	}

	/**
	 * Makes the connection ready for another user: nothing of the last one is left in its folders. `false` if it cannot be used
	 * again, for example because a program still runs.
	 */
	async renew(): Promise<boolean> {
		if (this.#lost !== undefined || !(await this.#master.renew())) return false;
		this.#ready = 0;
		this.#rootBecause = null;
		return true;
	}

	/** Ends a connection that was renewed, without waiting for the host, which may be a board that is paused. */
	async leave(): Promise<void> {
		await this.#master.leave();
		await this.#workspace[Symbol.asyncDispose]();
	}

	/** Whether it can no longer be used. */
	get isLost(): boolean {
		return this.#lost !== undefined;
	}

	lock(name: string, options: WaitOptions = {}): Promise<HostLock> {
		return takeLock(this, name, options);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#master[Symbol.asyncDispose]();
		await this.#workspace[Symbol.asyncDispose]();
	}

	async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<HostProcess> {
		const command = superviseByFifo(this.#confined(argv, options), `${this.#master.base}/lifeline`, options);
		let channel: Channel;
		try {
			channel = await this.#master.connection.exec(command);
		} catch (cause) {
			if (cause instanceof ChannelRefused) {
				const hint = 'its sshd allows no more sessions on one connection (MaxSessions)';
				throw this.#error(`cannot start '${argv[0]}' on ${this.name}: ${hint}`, 'other', cause);
			}
			throw await this.#explain(cause);
		}
		const pid = await readPid(channel);
		if (pid === undefined) {
			const why = await this.#explain(this.#error(`${this.name} has no working 'sh'`, 'no-tool'));
			channel.destroy();
			throw why;
		}
		return this.#own(channel, pid);
	}

	#own(channel: Channel, pid: number): HostProcess {
		let ended = false;
		// When the connection is lost, the watchers on the host kill with SIGKILL. The server can no longer report it.
		const exited = channel.exited.then((exit): ProcessExit => {
			ended = true;
			// Kill the remaining processes of the program's group. The group's watcher prevents reuse of its number.
			if (this.#lost === undefined) this.#master.kill('KILL', -pid);
			return exit ?? { status: null, signal: 'SIGKILL' };
		});
		return {
			pid,
			stdin: channel,
			stdout: channel,
			stderr: channel.stderr,
			exited,
			kill: async signal => {
				if (this.#lost !== undefined) throw this.#lost;
				if (!ended) this.#master.kill(signal, pid);
			},
			[Symbol.asyncDispose]: async () => {
				if (!ended && this.#lost === undefined) this.#master.kill('KILL', -pid);
				await exited;
			},
		};
	}

	/** Makes a real socket for a channel: a local Unix socket pair with one end piped to the channel. */
	async #asSocket(channel: Channel): Promise<Socket> {
		const path = await this.#workspace.reserve();
		const server = createServer({ allowHalfOpen: true });
		try {
			await listen(server, path);
			const accepted = new Promise<Socket>(resolve => server.once('connection', socket => resolve(harmless(socket))));
			const [inner, outer] = await Promise.all([accepted, connectLocal(path)]);
			pipeline(inner, channel, () => undefined);
			pipeline(channel as Readable, inner, () => undefined);
			return outer;
		} catch (error) {
			channel.destroy();
			throw error;
		} finally {
			server.close();
		}
	}

	/** If the connection has ended, reports that instead of its effects. */
	async #explain(cause: unknown): Promise<unknown> {
		const settled = await Promise.race([this.lost, delay(200)]);
		return settled ?? cause;
	}

	#error(message: string, failure: 'no-socket' | 'no-tool' | 'other', cause?: unknown): HostError {
		return new HostError(message, { host: this.name, failure, cause, blame: blameOf(this.kind) });
	}
}

/** A process id has at most ten digits. */
const longestPid = 100;

/** Reads the process id from the first line of the output; `undefined` if the output ends without one. */
function readPid(channel: Channel): Promise<number | undefined> {
	return new Promise(resolve => {
		let line = Buffer.alloc(0);
		const done = (pid: number | undefined) => {
			channel.off('readable', onReadable);
			channel.off('end', onEnd);
			channel.off('close', onEnd);
			resolve(pid);
		};
		const onEnd = () => done(undefined);
		const onReadable = () => {
			for (let chunk = channel.read() as Buffer | null; chunk !== null; chunk = channel.read() as Buffer | null) {
				line = Buffer.concat([line, chunk]);
				const end = line.indexOf(10);
				if (end === -1 && line.length > longestPid) return done(undefined);
				if (end === -1) continue;
				const rest = line.subarray(end + 1);
				if (rest.length > 0) channel.unshift(rest);
				return done(Number(line.subarray(0, end).toString('latin1')) || undefined);
			}
		};
		channel.on('readable', onReadable);
		channel.once('end', onEnd);
		channel.once('close', onEnd);
	});
}
