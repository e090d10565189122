import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { WaitOptions } from '../lib/waiting/deadline.ts';

/** How a process ended: with an exit status or by a signal, never both. */
export type ProcessExit =
	| { readonly status: number; readonly signal: null }
	| { readonly status: null; readonly signal: string };

/** The exit and output of a finished command. */
export type CommandResult = ProcessExit & { readonly stdout: Buffer; readonly stderr: Buffer };

/** How to run a command on a host. */
export interface RunOptions extends WaitOptions {
	/** See {@link SpawnOptions.untrusted}. */
	readonly untrusted?: Untrusted | undefined;
	/** If a command prints more than this to either stream, it is killed and `run` throws. Default 64 MiB. */
	readonly maxOutputBytes?: number;
	readonly stdin?: string | Uint8Array;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
}

/** How to read a file of a host: see {@link Host.read}. */
export interface ReadOptions extends WaitOptions {
	/** A longer file is refused, or truncated with `cut`. Default 64 MiB. */
	readonly maxBytes?: number;
	/** Read the first `maxBytes` of a longer file. */
	readonly cut?: boolean;
	/** First byte to read, counted from 0. */
	readonly from?: number;
	/** The file was written by an untrusted program: open it with that program's rights. */
	readonly untrusted?: boolean;
	/** The file may be sent compressed. Useful if most of it is zero. */
	readonly compressed?: boolean;
}

/** How to copy a file of a host: see {@link Host.get}. */
export interface GetOptions extends WaitOptions {
	/** A longer file is refused. Default 1 GiB. */
	readonly maxBytes?: number;
}

/** Restrictions for an untrusted program. When vpmu is root on the host, the program runs without root's rights. */
export interface Untrusted {
	/** Longest file that it may write. Its new files are private (umask 077). */
	readonly maxFileBytes: number;
	/** It needs to open /dev/kvm. */
	readonly needsKvm?: boolean;
	/** A command that execs its arguments and needs vpmu's own rights. It runs before the rights are dropped. */
	readonly within?: readonly string[];
}

export interface SpawnOptions {
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	/** Set for an untrusted program, such as a QEMU under test. */
	readonly untrusted?: Untrusted | undefined;
}

/**
 * A process on a host, owned by this process. It dies when it is disposed of, and also when this process dies without a
 * chance to dispose of it (SIGKILL).
 */
export interface HostProcess extends AsyncDisposable {
	/** Process id on the host, of the program itself (not of a wrapper). */
	readonly pid: number;
	readonly stdin: Writable;
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** Resolves when the process has ended; never rejects. */
	readonly exited: Promise<ProcessExit>;
	kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGINT'): Promise<void>;
}

/** A folder on a host. Disposal removes it with its content. */
export interface HostFolder extends AsyncDisposable {
	readonly path: string;
}

/** A lock held on a host. The host's kernel releases it when the holder dies. */
export interface HostLock extends AsyncDisposable {
	readonly name: string;
}

/** Plain data that lets another process of this machine connect to a host owned by this process: see `Connections`. */
export type HostReference =
	| { readonly kind: 'local' }
	| {
			readonly kind: 'ssh' | 'board';
			readonly name: string;
			readonly topology: string | null;
			/** Target and options of the ssh command. */
			readonly target: string;
			readonly options: readonly string[];
	  };

/**
 * A machine that can run QEMU: this one, one reached over ssh, or a board. All higher layers use this interface and do not
 * know which it is.
 */
export interface Host extends AsyncDisposable {
	/** `local`, `ssh://TARGET`, or `board:TOPOLOGY`. */
	readonly name: string;
	readonly kind: 'local' | 'ssh' | 'board';
	/** The board's topology; `null` for other hosts. */
	readonly topology: string | null;
	readonly reference: HostReference;

	/**
	 * Runs a command to its end. A status other than 0 is a result, not an error.
	 * @throws HostError when the host cannot be reached; DeadlineError; the signal's reason. The command is then killed.
	 */
	run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;

	/** Starts a command and leaves it running. @throws HostError */
	spawn(argv: readonly string[], options?: SpawnOptions): Promise<HostProcess>;

	/** Connects to a Unix stream socket on the host. The caller owns the socket. @throws HostError */
	connect(socketPath: string, options?: WaitOptions): Promise<Socket>;

	/** Copies a local file, or a folder with its content, to the host. @throws HostError */
	put(localPath: string, hostPath: string, options?: WaitOptions): Promise<void>;

	/**
	 * Copies the bytes of a regular file of the host to a new local file. Refuses other file types, and files longer than
	 * `maxBytes`. @throws HostError
	 */
	get(hostPath: string, localPath: string, options?: GetOptions): Promise<void>;

	/** Reads a regular file of the host into memory, under the same rules as {@link get}. @throws HostError */
	read(hostPath: string, options?: ReadOptions): Promise<Buffer>;

	/**
	 * Makes a local file or folder readable on the host, and returns its path there. The path depends on the content; content
	 * that is already there is not copied again. The host owns the path; do not write to it. @throws HostError
	 */
	provide(localPath: string, options?: WaitOptions): Promise<string>;

	/**
	 * Creates a folder (mode 0700) with a path short enough for Unix sockets (sun_path: 107 bytes). Untrusted programs can use
	 * it, unless it is `own`. Use {@link read} for files that others wrote there. @throws HostError
	 */
	makeFolder(options?: { readonly own?: boolean }): Promise<HostFolder>;

	/** Why the last untrusted program runs as root; `null` if it does not. */
	readonly rootBecause: string | null;

	/**
	 * Takes an advisory lock. A name is a lock among the programs of this user; a path of a file or folder on the host is a
	 * lock among all users. The kernel releases it when the holder dies. With `timeoutMs` 0, a busy lock fails at once.
	 * @throws LockBusyError when `timeoutMs` passes, naming the holder
	 */
	lock(name: string, options?: WaitOptions): Promise<HostLock>;
}
