import type { WaitOptions } from '../../lib/deadline.ts';
import { GuestError } from '../errors.ts';
import type { GuestResult, GuestShell } from '../shell.ts';
import type { PerfStatEntry } from './entry.ts';
import { parsePerfStat } from './parse.ts';

export interface PerfStatOptions extends WaitOptions {
	/** Event names as perf takes them, such as `cycles` or `cycles:u`. */
	readonly events: readonly string[];
	/** What is counted. */
	readonly command: readonly string[];
}

export interface PerfStatRun {
	readonly entries: readonly PerfStatEntry[];
	/** perf's own output. */
	readonly text: string;
	/** The command's end and output; perf passes its status on. */
	readonly result: GuestResult;
}

/**
 * Runs `perf stat -x,` in a guest. perf writes to a file of its own, so nothing that the command prints can pass for a
 * count.
 *
 * @throws GuestError kind `perf-output` when perf wrote nothing or something unreadable; as `GuestShell.run`
 */
export async function runPerfStat(
	shell: GuestShell,
	{ events, command, ...limits }: PerfStatOptions,
): Promise<PerfStatRun> {
	const file = `/tmp/perf-stat-${Math.random().toString(36).slice(2)}`;
	const result = await shell.run(['perf', 'stat', '-x,', '-o', file, '-e', events.join(','), '--', ...command], limits);
	const written = await shell.run(`cat ${file} 2>/dev/null; rm -f ${file}`, limits);
	const text = written.stdout.toString();
	if (text === '') {
		throw new GuestError('perf-output', `perf stat in the guest wrote nothing and ended with ${result.status ?? result.signal}`, {
			evidence: result.stderr.toString().trim().split('\n'),
		});
	}
	return { entries: parsePerfStat(text), text, result };
}
