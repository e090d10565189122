/** Who has to act when something went wrong. `status` `error` cells carry one of these. */
export type Blame = 'host' | 'board' | 'image' | 'qemu' | 'guest' | 'harness' | 'user';

/**
 * A failure that knows whom to blame and shows evidence: the root of every error that vpmu throws on purpose.
 * `evidence` holds the last lines of what was seen (stderr, console, a reply), oldest first.
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

/** Bad usage or bad input: one sentence naming the value, where it stood and what is allowed. Exit status 2. */
export class UsageError extends VpmuError {
	override readonly name = 'UsageError';

	constructor(message: string, options: { cause?: unknown } = {}) {
		super(message, { blame: 'user', ...options });
	}
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
