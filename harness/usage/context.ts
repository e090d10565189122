/** The outside world of a command. Tests pass their own. */
export interface CommandContext {
	readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
	readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
	readonly stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cwd: string;
	/** Aborts at the first Ctrl-C. */
	readonly signal: AbortSignal;
}
