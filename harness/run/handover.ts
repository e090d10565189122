import type { ChildProcess } from 'node:child_process';
import { harmless, linesOf } from '../../src/lib/index.ts';

/** Tells a keeper that its standard input is the one who started it. */
export const handoverVariable = 'VPMU_HANDOVER';

const word = 'stay';

/**
 * For a keeper, a process that is to outlive the one that starts it: aborts when that one ends, however it ends, before
 * it has handed over what it wanted. Never for a process that nobody started so.
 */
export function abandoned({
	stdin,
	env,
}: {
	readonly stdin: NodeJS.ReadableStream;
	readonly env: Readonly<Record<string, string | undefined>>;
}): AbortSignal {
	const gone = new AbortController();
	if (env[handoverVariable] === undefined) return gone.signal;
	let stays = false;
	const lines = linesOf(stdin);
	// Waiting for a word is not a reason not to end.
	(stdin as { unref?(): void }).unref?.();
	lines.on('line', line => {
		stays ||= line === word;
		if (stays) lines.close();
	});
	lines.on('close', () => {
		if (!stays) gone.abort(new DOMException('the one who started this is gone', 'AbortError'));
	});
	return gone.signal;
}

/** Lets a keeper stay when this process ends. Its standard input is a pipe of this process. Resolves when it has been told. */
export async function handOver(keeper: ChildProcess): Promise<void> {
	const stdin = harmless(keeper.stdin!);
	await new Promise<void>(resolve => stdin.end(`${word}\n`, () => resolve()));
	keeper.unref();
}
