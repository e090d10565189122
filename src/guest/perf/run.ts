import { UsageError } from '../../lib/errors.ts';
import { lastLinesOf } from '../../lib/text/foreign.ts';
import type { WaitOptions } from '../../lib/waiting/deadline.ts';
import { GuestError } from '../errors.ts';
import type { GuestResult, GuestShell } from '../shell.ts';
import type { PerfStatEntry } from './entry.ts';
import { parsePerfStat } from './parse.ts';

export interface PerfStatOptions extends WaitOptions {
	/** Events in `-e` syntax, such as `cycles:u` or `armv8_pmuv3_0/event=0x11/`. */
	readonly events: readonly string[];
	/** What is counted. */
	readonly command: readonly string[];
	/** Path of perf in the guest. Default `perf`. */
	readonly perf?: string;
	/** Counts on these CPUs (`-C`, a cpulist) instead of in the command. */
	readonly cpus?: string;
	/** Reports a count for each CPU (`-A`); only with `cpus`. */
	readonly perCpu?: boolean;
	/** Repeats the command this many times (`-r`) and reports the mean. */
	readonly repeat?: number;
	/** Reports counts every so many milliseconds (`-I`). */
	readonly intervalMs?: number;
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
}

export interface PerfStatRun {
	readonly entries: readonly PerfStatEntry[];
	/** The unmodified output of perf. */
	readonly text: string;
	/** How perf (and thus the command) ended. */
	readonly result: GuestResult;
}

let lastFile = 0;

/**
 * Runs `perf stat` in the guest. perf writes to a separate file, so that no output of the command can be mistaken
 * for a count, and runs under the C locale. Every requested event must be reported.
 *
 * @throws GuestError kind `perf-output` if perf reports other events than requested, or its output is unreadable or
 * empty; and as {@link GuestShell.run}
 */
export async function runPerfStat(shell: GuestShell, options: PerfStatOptions): Promise<PerfStatRun> {
	const { events, command, cpus, perCpu, repeat, intervalMs, signal, timeoutMs, cwd } = options;
	if (events.length === 0) throw new UsageError('perf stat needs at least one event');
	if (command.length === 0) throw new UsageError('perf stat needs a command');
	lastFile += 1;
	const file = `/tmp/vpmu-perf-${lastFile}-${Math.trunc(performance.now())}`;
	const argv = [
		...[options.perf ?? 'perf', 'stat', '-x,', '-o', file],
		...events.flatMap(event => ['-e', event]),
		...(cpus === undefined ? [] : ['-C', cpus]),
		...(perCpu === true ? ['-A'] : []),
		...(repeat === undefined ? [] : ['-r', String(repeat)]),
		...(intervalMs === undefined ? [] : ['-I', String(intervalMs)]),
		...['--', ...command],
	];
	const limits = {
		...(signal === undefined ? {} : { signal }),
		...(timeoutMs === undefined ? {} : { timeoutMs }),
	};
	const result = await shell.run(argv, {
		...limits,
		...(cwd === undefined ? {} : { cwd }),
		env: { ...options.env, LC_ALL: 'C' },
	});
	let text: string;
	try {
		text = (await shell.get(file, limits)).toString();
	} catch (error) {
		if (!(error instanceof GuestError) || error.kind !== 'file') throw error;
		throw new GuestError('perf-output', `perf stat wrote nothing (${endOf(result)})`, {
			evidence: lastLinesOf(result.stderr.toString(), 20),
			cause: error,
		});
	} finally {
		await shell.run(['rm', '-f', file], { timeoutMs: 5000 }).catch(() => undefined);
	}
	const entries = parsePerfStat(text);
	const trouble = troubleIn(entries, options);
	if (trouble !== undefined)
		throw new GuestError('perf-output', `perf stat ${trouble} (${endOf(result)})`, { evidence: lastLinesOf(text, 40) });
	return { entries, text, result };
}

/** Explains how perf's report differs from what was requested; `undefined` if it does not. */
export function troubleIn(
	entries: readonly PerfStatEntry[],
	{ events, perCpu = false, intervalMs }: Pick<PerfStatOptions, 'events' | 'perCpu' | 'intervalMs'>,
): string | undefined {
	const reported = new Set(entries.map(entry => entry.event));
	// perf may add a modifier to a requested event that has none (`cycles` becomes `cycles:u` for unprivileged users).
	const missing = events.filter(event => !event.includes('{') && !reported.has(event));
	if (missing.length > 0) return `did not report on ${missing.join(', ')}`;
	const part = entries.find(
		one =>
			one.thread !== null ||
			one.cgroup !== null ||
			(one.cpu !== null && !perCpu) ||
			(one.intervalSeconds !== null && intervalMs === undefined),
	);
	if (part !== undefined) {
		const of = part.thread ?? part.cgroup ?? part.cpu ?? `interval ${part.intervalSeconds}`;
		return `reported ${part.event} of ${of} only, although the total was requested`;
	}
	const isTotal = !perCpu && intervalMs === undefined;
	// If an event stands for one event on each of several PMUs, each count is a part.
	const often = isTotal
		? [...reported].find(event => entries.filter(one => one.event === event).length > timesAsked(event, events))
		: undefined;
	return often === undefined ? undefined : `reported ${often} more often than requested: each count is a part`;
}

function timesAsked(event: string, events: readonly string[]): number {
	const asked = events.flatMap(one => (one.includes('{') ? one.replace(/^\{(.*)\}.*$/, '$1').split(',') : [one]));
	return Math.max(1, asked.filter(one => one === event).length);
}

function endOf(result: GuestResult): string {
	return result.signal === null ? `status ${result.status}` : `killed by ${result.signal}`;
}
