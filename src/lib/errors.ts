/** Who has to act on a failure. Every cell with `status` `error` has one of these. */
export const blames = ['host', 'board', 'image', 'qemu', 'kernel', 'guest', 'harness', 'user'] as const;
export type Blame = (typeof blames)[number];

/**
 * The base class of every error that vpmu throws on purpose: a failure with blame and evidence. `evidence` holds the last
 * lines of output (stderr, console, a reply), oldest first.
 */
export class VpmuError extends Error {
	override readonly name: string = 'VpmuError';
	readonly blame: Blame;
	readonly evidence: readonly string[];

	constructor(message: string, options: { blame: Blame; evidence?: readonly string[]; cause?: unknown }) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.blame = options.blame;
		this.evidence = options.evidence ?? [];
	}
}

/**
 * Bad usage or bad input. The message is one sentence with the value, where it was given and what is allowed. Exit status 2.
 */
export class UsageError extends VpmuError {
	override readonly name = 'UsageError';

	constructor(message: string, options: { cause?: unknown } = {}) {
		super(message, { blame: 'user', ...options });
	}
}

/** What the machine lacks when the system reports an error, by error code (errno(3)). */
const systemFaults: Readonly<Record<string, string>> = {
	ENOSPC: 'the disk is full',
	EDQUOT: 'the disk quota is used up',
	EROFS: 'the file system is read-only',
	EIO: 'the disk has an error',
	EMFILE: 'too many files are open in this process',
	ENFILE: 'too many files are open on this machine',
	ENOMEM: 'out of memory',
	EAGAIN: 'no process can be started (a limit on processes or memory)',
};

/** Makes the error for a machine that lacks something, from a system error; `undefined` for any other error. */
export function systemFault(error: unknown): VpmuError | undefined {
	const { code, syscall, path } = (error ?? {}) as { code?: unknown; syscall?: unknown; path?: unknown };
	const why = typeof code === 'string' ? systemFaults[code] : undefined;
	if (why === undefined) return undefined;
	const where = [syscall, path].filter(part => typeof part === 'string').join(' ');
	return new VpmuError(where === '' ? why : `${why} (${where})`, { blame: 'host', cause: error });
}

/** Returns the error that came first, where errors of disposal have covered it (`await using`). */
export function firstCause(thrown: unknown): unknown {
	let error = thrown;
	while (error instanceof SuppressedError) error = error.suppressed;
	return error;
}

/** Returns the message of any thrown value. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
