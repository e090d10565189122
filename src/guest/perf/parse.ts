import { lastLinesOf } from '../../lib/text/foreign.ts';
import { GuestError } from '../errors.ts';
import { readCsvLine } from './csv.ts';
import { type PerfColumns, type PerfStatEntry, refuse } from './entry.ts';
import { readJsonLine } from './json.ts';

export interface ParsePerfStatOptions {
	/** The separator given to `-x`; `,` by default. */
	readonly separator?: string;
	/**
	 * `known` (default): besides counters, the text may only hold lines that perf or a kernel is known to print.
	 * `any`: it may also hold any line that does not begin like a counter.
	 */
	readonly noise?: 'known' | 'any';
}

/** Lines that perf prints around its counters, and kernel messages with their time stamp. */
const knownNoise = [
	/^\s*$/,
	/^# started on /,
	/^\[\s*\d+\.\d+\](\[[^\]]*\])? /,
	/^(Warning|WARNING|Error):/,
	/^Some events weren't counted\. Try disabling the NMI watchdog:$/,
	/^\s+(echo [01] > \/proc\/sys\/kernel\/nmi_watchdog|perf stat \.\.\.)$/,
	/^\S+ event is not supported by the kernel\.$/,
	/^Events enabled$|^Events disabled$/,
];

/** Begins like a counter: a value, a time stamp, a place, a thread's id, or one of perf's words for no value. */
const likeCounter =
	/^\s*(\d|<not|summary\b|CPU\d|[SN]-?\d+(-D|-C|[^\w\s])|[,;|\t]{3}|\{|[^,;|\t]+-\d+[,;|\t](\d|<not))/;

/**
 * Longest accepted line; perf prints no longer ones. All readings of a line are tried, and a line of megabytes has too many.
 */
const longestLine = 1000;

/**
 * Parses the output of `perf stat -x,` (or another separator) or `perf stat -j`, of perf 4.14 to 7.2, also under a locale whose
 * decimal point is a comma. Zero, not counted and not supported are kept apart. Each count has the columns
 * that it was printed with (`cpu`, `thread`, `cgroup`, `intervalSeconds`, `summary`). A count with any of them is a part of
 * the total. The metrics of metric groups, whose counters perf does not print, are skipped.
 *
 * @throws GuestError kind `perf-output` if a line is neither a counter nor known noise, if it can be read in two ways,
 * or if there is no counter at all
 */
export function parsePerfStat(text: string, options: ParsePerfStatOptions = {}): PerfStatEntry[] {
	const { separator = ',', noise = 'known' } = options;
	const entries: PerfStatEntry[] = [];
	// The counter to which the metrics of a line without a counter belong.
	let owner: 'nobody' | 'counter' | 'group' = 'nobody';
	/** Of the last counter. */
	let metrics: PerfStatEntry['metrics'][number][] = [];
	for (const [index, line] of text.split(/\r?\n/).entries()) {
		const beginning = line.slice(0, longestLine);
		if (knownNoise.some(pattern => pattern.test(beginning))) continue;
		if (noise === 'any' && !likeCounter.test(beginning)) continue;
		if (beginning !== line) throw refuse(line, index + 1, `it has ${line.length} characters`);
		const read = line.trimStart().startsWith('{') ? readJsonLine(line) : readCsvLine(line, separator);
		switch (read.kind) {
			case 'refused':
				throw refuse(line, index + 1, read.why);
			case 'group':
				owner = 'group';
				break;
			case 'counter':
				metrics = [...read.entry.metrics];
				entries.push({ ...read.entry, metrics });
				owner = 'counter';
				break;
			case 'metric': {
				if (owner === 'group' || read.metric === null) break;
				const last = entries.at(-1);
				if (last === undefined) throw refuse(line, index + 1, 'a metric before any counter');
				if (!isSamePlace(read.columns, last))
					throw refuse(line, index + 1, 'a metric that belongs elsewhere than the counter before it');
				metrics.push(read.metric);
			}
		}
	}
	if (entries.length === 0)
		throw new GuestError('perf-output', 'perf stat printed no counter', {
			evidence: lastLinesOf(text),
		});
	return withSummaries(entries);
}

function isSamePlace(one: PerfColumns, other: PerfColumns): boolean {
	return one.cpu === other.cpu && one.thread === other.thread && one.intervalSeconds === other.intervalSeconds;
}

/** A counter without a time after intervals is their sum; perf does not mark it in JSON or with `--no-csv-summary`. */
function withSummaries(entries: readonly PerfStatEntry[]): PerfStatEntry[] {
	const first = entries.findIndex(entry => entry.intervalSeconds !== null);
	return entries.map((entry, index) =>
		first !== -1 && index > first && entry.intervalSeconds === null ? { ...entry, summary: true } : entry,
	);
}
