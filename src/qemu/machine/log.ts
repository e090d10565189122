import type { Host } from '../../host/host.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import { contention } from '../../lib/waiting/fair-clock.ts';
import { type ParsedLog, parseTrace } from '../trace.ts';
import type { Artifacts } from './artifacts.ts';

/** Longest part of the log that is read or kept: a vCPU that cannot be entered logs without end. */
const maxLogBytes = 8 * 1024 * 1024;

/** Reads the file of `-D` on the host (at most its first 8 MiB). @throws HostError, DeadlineError */
export async function readLog(host: Host, logPath: string, options: WaitOptions): Promise<ParsedLog> {
	const bytes = await host.read(logPath, { ...options, maxBytes: maxLogBytes, cut: true, untrusted: true });
	return parseTrace(bytes.toString('utf8'));
}

/** Keeps the file of `-D` as `trace.log`, unless it is empty. @throws HostError, DeadlineError */
export async function keepLog(host: Host, logPath: string, artifacts: Artifacts): Promise<void> {
	if (artifacts.pathFor('trace.log') === undefined) return;
	// Read one byte more than is kept, to learn whether there is more.
	const bytes = await host.read(logPath, {
		timeoutMs: 8000 * contention(),
		maxBytes: maxLogBytes + 1,
		cut: true,
		untrusted: true,
	});
	if (bytes.length > 0) await artifacts.writeBytes('trace.log', bytes, maxLogBytes);
}
