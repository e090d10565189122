import type { ChildProcess } from 'node:child_process';
import { harmless, linesOf } from '../../../src/lib/index.ts';

/** Environment variable that tells a keeper that its standard input comes from the process that started it. */
export const handoverVariable = 'VPMU_HANDOVER';

const word = 'stay';

/**
 * In a keeper (a process that outlives the one that started it): aborts if the starter ends in any way before the
 * keeper has handed over. Never aborts in a process that was not started as a keeper.
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
	// Waiting for the starter must not keep this process alive.
	(stdin as { unref?(): void }).unref?.();
	lines.on('line', line => {
		stays ||= line === word;
		if (stays) lines.close();
	});
	lines.on('close', () => {
		if (!stays) gone.abort(new DOMException('the process that started this one is gone', 'AbortError'));
	});
	return gone.signal;
}

/**
 * Lets a keeper stay when this process ends. Its standard input is a pipe from this process. Resolves once the keeper
 * has been told.
 */
export async function handOver(keeper: ChildProcess): Promise<void> {
	const stdin = harmless(keeper.stdin!);
	await new Promise<void>(resolve => stdin.end(`${word}\n`, () => resolve()));
	keeper.unref();
}
