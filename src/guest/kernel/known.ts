import entries from './known.json' with { type: 'json' };
import { KernelLogReader, type KernelReport, withoutPrefixes } from './log.ts';
import type { Recognised } from './words.ts';

/** A known and harmless kernel message: an entry of known.json. */
export interface KnownMessage {
	/** Its name, without variable numbers. */
	readonly name: string;
	/** Whose kernel logs it. */
	readonly of: 'guest' | 'host' | 'any';
	/** The first release that logs it, such as `6.1`; absent: since the beginning. */
	readonly from?: string;
	/** The first release that no longer logs it; absent: all later ones do. */
	readonly before?: string;
	/** A regular expression that matches the line without its prefixes. */
	readonly pattern: string;
	/** Why it is harmless. */
	readonly reason: string;
}

/** Which kernel's log it is, and its release, to select {@link KnownMessage} entries. */
export interface LogOrigin {
	readonly of: 'guest' | 'host';
	/** As printed by `uname -r`. If `null` (unknown), entries that are limited to some releases do not apply. */
	readonly release: string | null;
}

/** The result of sorting a kernel's log. */
export interface SortedLog {
	readonly reports: readonly KernelReport[];
	/** Known and harmless messages, each once: its first line, with the reason. */
	readonly known: readonly { readonly name: string; readonly line: string; readonly reason: string }[];
}

/** Kinds of report that only say that time passed without progress. */
const stalls: ReadonlySet<Recognised['kind']> = new Set([
	'rcu-stall',
	'soft-lockup',
	'hard-lockup',
	'workqueue-lockup',
	'hung-task',
]);

/** Whether a report only says that nothing progressed for a long time. A machine that was paused logs such reports too. */
export function isStall({ kind }: Pick<KernelReport, 'kind'>): boolean {
	return stalls.has(kind);
}

/** Sorts the lines of a kernel's log into reports and known harmless messages. */
export function sortKernelLog(
	lines: Iterable<string>,
	origin: LogOrigin,
	list: readonly KnownMessage[] = knownMessages,
): SortedLog {
	const applying = list
		.filter(entry => applies(entry, origin))
		.map(entry => ({ ...entry, regexp: new RegExp(entry.pattern) }));
	const reader = new KernelLogReader();
	const known = new Map<string, SortedLog['known'][number]>();
	const knownReports = new Set<string>();
	for (const line of lines) {
		const words = withoutPrefixes(line);
		const entry = applying.find(({ regexp }) => regexp.test(words));
		if (entry !== undefined && !known.has(entry.name)) {
			known.set(entry.name, { name: entry.name, line: words, reason: entry.reason });
		}
		if (entry !== undefined) knownReports.add(words);
		reader.push(line);
	}
	return {
		reports: reader.reports.filter(report => !knownReports.has(report.line)),
		known: [...known.values()],
	};
}

function applies({ of, from = '0.0', before }: KnownMessage, origin: LogOrigin): boolean {
	if (of !== 'any' && of !== origin.of) return false;
	// Of an unknown kernel it is not known that it has begun, nor that it has not ended.
	const hasBegun = compare(origin.release ?? 'none', from) >= 0;
	const hasEnded = before !== undefined && compare(origin.release ?? '999.0', before) >= 0;
	return hasBegun && !hasEnded;
}

/** Compares the first two numbers of two releases. */
function compare(one: string, other: string): number {
	const numbersOf = (release: string) => (/^(\d+)\.(\d+)/.exec(release)?.slice(1) ?? [0, 0]).map(Number);
	const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [numbersOf(one), numbersOf(other)];
	return major - otherMajor || minor - otherMinor;
}

/** The entries of known.json. */
export const knownMessages: readonly KnownMessage[] = entries as readonly KnownMessage[];
