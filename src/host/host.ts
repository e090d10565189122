import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { WaitOptions } from '../lib/deadline.ts';

/** How a process ended: an exit status or the signal that killed it, never both. */
export type ProcessExit =
	| { readonly status: number; readonly signal: null }
	| { readonly status: null; readonly signal: string };

/** What a finished command left behind. */
export type CommandResult = ProcessExit & { readonly stdout: Buffer; readonly stderr: Buffer };

/** How a command on a host is run. */
export interface RunOptions extends WaitOptions {
	/** See {@link SpawnOptions.untrusted}. */
	readonly untrusted?: Untrusted | undefined;
	/** A command that prints more, to either stream, is killed, and `run` throws. Default 64 MiB. */
	readonly maxOutputBytes?: number;
	readonly stdin?: string | Uint8Array;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
}

/** How a file of a host is read: see {@link Host.read}. */
export interface ReadOptions extends WaitOptions {
	/** Longer files are refused, or cut where `cut` says so. Default 64 MiB. */
	readonly maxBytes?: number;
	/** Take the first `maxBytes` of a longer file. */
	readonly cut?: boolean;
	/** The first byte that is wanted, counted from 0. */
	readonly from?: number;
	/** A program that is not trusted wrote it: it is opened with that program's rights. */
	readonly untrusted?: boolean;
	/** The file may be sent compressed: worth it where little of it is not zero. */
	readonly compressed?: boolean;
}

/** How a file of a host is copied: see {@link Host.get}. */
export interface GetOptions extends WaitOptions {
	/** A longer file is refused. Default 1 GiB. */
	readonly maxBytes?: number;
}

/** What a program that is not trusted is kept to. Where we are root it is started without root's rights. */
export interface Untrusted {
	/** No file of it grows longer; what it makes is nobody else's (umask 077). */
	readonly maxFileBytes: number;
	/** It opens /dev/kvm. */
	readonly needsKvm?: boolean;
	/** A command that becomes its arguments, and that needs our own rights: it stands before they are given up. */
	readonly within?: readonly string[];
}

export interface SpawnOptions {
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** For a program that is not trusted, such as a QEMU under test. */
	readonly untrusted?: Untrusted | undefined;
}

/**
 * A process on a host that this process owns. It dies when it is disposed of, and also when this process dies without
 * a chance to dispose of it (SIGKILL).
 */
export interface HostProcess extends AsyncDisposable {
	/** Process id on its host, of the program itself (not of a wrapper). */
	readonly pid: number;
	readonly stdin: Writable;
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** Resolves once, when the process has ended; never rejects. */
	readonly exited: Promise<ProcessExit>;
	kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGINT'): Promise<void>;
}

/** A folder on a host, removed with all that is in it when disposed of. */
export interface HostFolder extends AsyncDisposable {
	readonly path: string;
}

/** A lock held on a host; the host's kernel releases it when the holder dies. */
export interface HostLock extends AsyncDisposable {
	readonly name: string;
}

/** Plain data by which another process of this machine reaches a host that this one owns: see `attachHost`. */
export type HostReference =
	| { readonly kind: 'local' }
	| {
			readonly kind: 'ssh' | 'board';
			readonly name: string;
			readonly topology: string | null;
			/** What ssh is told: where to, and options before that. */
			readonly target: string;
			readonly options: readonly string[];
	  };

/**
 * A machine on which QEMU can be run: this one, one reached over ssh, or a board. Everything above works through this
 * interface and does not know which it is.
 */
export interface Host extends AsyncDisposable {
	/** `local`, `ssh://TARGET`, or `board:TOPOLOGY`. */
	readonly name: string;
	readonly kind: 'local' | 'ssh' | 'board';
	/** The board's topology, `null` elsewhere. */
	readonly topology: string | null;
	readonly reference: HostReference;

	/**
	 * Runs a command to its end. A status other than 0 is a result, not an error.
	 * @throws HostError when the host could not be asked; DeadlineError; the signal's reason. The command is killed then.
	 */
	run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;

	/** Starts a command that goes on running. @throws HostError */
	spawn(argv: readonly string[], options?: SpawnOptions): Promise<HostProcess>;

	/** Connects to a Unix stream socket on the host. The caller owns the socket. @throws HostError */
	connect(socketPath: string, options?: WaitOptions): Promise<Socket>;

	/** Copies a local file to the host (a folder with all in it when `localPath` is one). @throws HostError */
	put(localPath: string, hostPath: string, options?: WaitOptions): Promise<void>;

	/**
	 * Copies a regular file from the host, as a new file of ours: its bytes and nothing else. What is no regular file, or
	 * longer than `maxBytes`, is refused. @throws HostError
	 */
	get(hostPath: string, localPath: string, options?: GetOptions): Promise<void>;

	/** Reads a regular file of the host into memory, under the same rules as {@link get}. @throws HostError */
	read(hostPath: string, options?: ReadOptions): Promise<Buffer>;

	/**
	 * Makes content of a local file or folder readable on the host under a path that depends on its content, copying
	 * only what is not there yet. Returns that path; the host owns it and it must not be written to. @throws HostError
	 */
	provide(localPath: string, options?: WaitOptions): Promise<string>;

	/**
	 * Makes a folder (mode 0700) with a short path, fit for Unix sockets (sun_path: 107 bytes). A program that is not trusted
	 * can use it; one that is `own` is ours alone. Files of others in it must be read by {@link read}. @throws HostError
	 */
	makeFolder(options?: { readonly own?: boolean }): Promise<HostFolder>;

	/** Why the program that is not trusted which was started last runs as root; `null` when it does not. */
	readonly rootBecause: string | null;

	/**
	 * Takes an advisory lock: by a name, among the programs of this user, or on a file or folder of the host by its path,
	 * among all users. The kernel releases it. With `timeoutMs` 0 a lock that is held is an error at once.
	 * @throws LockBusyError when `timeoutMs` passes, naming the holder
	 */
	lock(name: string, options?: WaitOptions): Promise<HostLock>;
}
