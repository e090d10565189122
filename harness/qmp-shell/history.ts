import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeFolderSync } from '../../src/lib/index.ts';
import type { CommandContext } from '../usage/context.ts';

/** Maximum number of lines kept. */
export const historySize = 1000;

function historyFile(env: CommandContext['env']): string | undefined {
	const state = env.XDG_STATE_HOME ?? (env.HOME === undefined ? undefined : path.join(env.HOME, '.local/state'));
	return state === undefined ? undefined : path.join(state, 'vpmu', 'qmp-history');
}

/** Reads the lines of earlier shells, newest first, as readline expects. Ignores an unreadable history. */
export function readHistory(env: CommandContext['env']): string[] {
	const file = historyFile(env);
	try {
		return file === undefined ? [] : readFileSync(file, 'utf8').split('\n').filter(Boolean).toReversed();
	} catch {
		return [];
	}
}

/** Writes the lines, newest first, for the next shell. Ignores failures. */
export function writeHistory(env: CommandContext['env'], lines: readonly string[]): void {
	const file = historyFile(env);
	if (file === undefined) return;
	try {
		makeFolderSync(path.dirname(file), { mode: 0o700 });
		writeFileSync(file, `${lines.slice(0, historySize).toReversed().join('\n')}\n`, { mode: 0o600 });
	} catch {
		// As above.
	}
}
