import { type Output, outputTo, type RawOutput } from './output.ts';

/** The environment of a command. */
export interface CommandContext {
	readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
	readonly stdout: Output;
	readonly stderr: Output;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cwd: string;
	/** Aborts at the first Ctrl-C. */
	readonly signal: AbortSignal;
}

/** As the process has it. Tests pass their own. */
export interface World extends Omit<CommandContext, 'stdout' | 'stderr'> {
	readonly stdout: RawOutput;
	readonly stderr: RawOutput;
}

/** Makes the context of a command. Its output is escaped for the terminal. */
export function contextOf(world: World): CommandContext {
	return { ...world, stdout: outputTo(world.stdout), stderr: outputTo(world.stderr) };
}
