import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/deadline.ts';
import { type ParsedLog, parseTrace } from '../trace.ts';
import type { Artifacts } from './artifacts.ts';

/** Most of the log that is read back or kept: a vCPU that cannot be entered writes without end. */
const maxLogBytes = 8 * 1024 * 1024;

/** Reads the file of `-D` on the host (of a very long one, the first 8 MiB). @throws HostError, DeadlineError */
export async function readLog(host: Host, logPath: string, options: WaitOptions): Promise<ParsedLog> {
	const { stdout } = await host.run(['head', '-c', String(maxLogBytes), logPath], options);
	return parseTrace(stdout.toString('utf8'));
}

/** Fetches the file of `-D` as `trace.log`, if anything is in it. @throws HostError, DeadlineError */
export async function keepLog(host: Host, logPath: string, artifacts: Artifacts): Promise<void> {
	const file = artifacts.pathFor('trace.log');
	if (file === undefined) return;
	const limits = { timeoutMs: 8000 };
	// Cut on the host: the whole may be more than any disk here holds.
	const cut = `[ -s "$1" ] && { [ "$(stat -c %s "$1")" -le ${maxLogBytes} ] || truncate -s ${maxLogBytes} "$1"; }`;
	const { status } = await host.run(['sh', '-c', cut, 'sh', logPath], limits);
	if (status !== 0) return;
	await host.get(logPath, file, limits);
	artifacts.note('trace.log');
}
