import { once } from 'node:events';
import { cp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { messageOf } from '../lib/errors.ts';
import { harmless } from '../lib/text/streams.ts';
import { type WaitOptions, within } from '../lib/waiting/deadline.ts';
import { HostError } from './errors.ts';
import { getForeign, readForeign } from './files/fetch.ts';
import { Workspace } from './files/workspace.ts';
import type {
	CommandResult,
	GetOptions,
	Host,
	HostFolder,
	HostLock,
	HostProcess,
	ReadOptions,
	RunOptions,
	SpawnOptions,
} from './host.ts';
import { takeLock } from './lock.ts';
import { runToEnd } from './processes/collect.ts';
import { Confinement } from './processes/confinement.ts';
import { spawnLocal } from './processes/process.ts';

/** Makes this machine a host. The caller owns it; disposal removes its folders. */
export function localHost(): Host {
	return new LocalHost();
}

class LocalHost implements Host {
	readonly name = 'local';
	readonly kind = 'local';
	readonly topology = null;
	readonly reference = { kind: 'local' } as const;
	readonly #workspace = new Workspace();
	readonly #confinement = new Confinement(this, this.#workspace);

	run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
		return runToEnd(this, argv, options);
	}

	async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<HostProcess> {
		const { untrusted } = options;
		return await spawnLocal(untrusted === undefined ? argv : await this.#confinement.of(argv, untrusted), options);
	}

	connect(socketPath: string, options: WaitOptions = {}): Promise<Socket> {
		return connectLocal(socketPath, options);
	}

	async put(localPath: string, hostPath: string, options: WaitOptions = {}): Promise<void> {
		await within(`copying ${localPath}`, copy(localPath, hostPath), options);
	}

	async get(hostPath: string, localPath: string, options: GetOptions = {}): Promise<void> {
		await getForeign(this, hostPath, localPath, options);
	}

	async read(hostPath: string, options: ReadOptions = {}): Promise<Buffer> {
		return await readForeign(this, hostPath, options);
	}

	/** Returns the path itself. A local file needs no copy, and a program may look for its parts in its own folder. */
	async provide(localPath: string): Promise<string> {
		return path.resolve(localPath);
	}

	get rootBecause(): string | null {
		return this.#confinement.rootBecause;
	}

	async makeFolder({ own = false }: { readonly own?: boolean } = {}): Promise<HostFolder> {
		const folder = await this.#workspace.makeFolder();
		if (own || !(await this.#confinement.give(folder))) {
			return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
		}
		// Another user may own the folder and change it meanwhile. rm(1) does not follow symbolic links put in its place.
		return { path: folder, [Symbol.asyncDispose]: async () => void (await this.run(['rm', '-rf', '--', folder])) };
	}

	lock(name: string, options: WaitOptions = {}): Promise<HostLock> {
		return takeLock(this, name, options);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#workspace[Symbol.asyncDispose]();
	}
}

async function copy(from: string, to: string): Promise<void> {
	try {
		await cp(from, to, { recursive: true, preserveTimestamps: true });
	} catch (cause) {
		throw new HostError(`cannot copy '${from}' to '${to}': ${messageOf(cause)}`, {
			host: 'local',
			failure: 'copy',
			cause,
		});
	}
}

/** Connects to a Unix socket of this machine. The caller owns the socket. @throws HostError */
export async function connectLocal(socketPath: string, { signal, timeoutMs }: WaitOptions = {}): Promise<Socket> {
	signal?.throwIfAborted();
	const socket = harmless(connect({ path: socketPath }));
	try {
		await within(`connecting to ${socketPath}`, once(socket, 'connect'), { signal, timeoutMs });
		return socket;
	} catch (cause) {
		socket.destroy();
		const { code } = cause as NodeJS.ErrnoException;
		if (code !== 'ENOENT' && code !== 'ECONNREFUSED' && code !== 'EACCES' && code !== 'EINVAL') throw cause;
		const why: Record<string, string> = {
			ENOENT: 'there is no such socket',
			ECONNREFUSED: 'nothing listens',
			EACCES: 'permission denied',
			EINVAL: 'the path is longer than 107 bytes',
		};
		throw new HostError(`cannot connect to '${socketPath}' on local: ${why[code]}`, {
			host: 'local',
			failure: 'no-socket',
			cause,
		});
	}
}
