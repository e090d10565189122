import { GuestError } from '../errors.ts';
import { readCsvLine } from './csv.ts';
import { type PerfStatEntry, refuse } from './entry.ts';
import { readJsonLine } from './json.ts';

export interface ParsePerfStatOptions {
	/** What was given to `-x`, `,` by default. */
	readonly separator?: string;
	/**
	 * `known` (default): besides counters, only lines that perf or a kernel is known to print may stand in the text.
	 * `any`: lines that do not begin like a counter may, too.
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

/** Begins as only a counter does: a value, a time stamp, a CPU, or one of perf's words for no value. */
const likeCounter = /^\s*(\d|<not|CPU\d|[SNDC]\d+(-|,|;)|[,;|\t]{3}|\{)/;

/**
 * Reads what `perf stat -x,` (or another separator) or `perf stat -j` wrote: with or without `-I`, `-A`, `-r`, also
 * under a locale whose decimal point is a comma. Zero, not counted and not supported stay three different things.
 *
 * @throws GuestError kind `perf-output` when a line is neither a counter nor known noise, or there is no counter at all
 */
export function parsePerfStat(text: string, options: ParsePerfStatOptions = {}): PerfStatEntry[] {
	const { separator = ',', noise = 'known' } = options;
	const entries: PerfStatEntry[] = [];
	for (const [index, line] of text.split(/\r?\n/).entries()) {
		if (knownNoise.some(pattern => pattern.test(line))) continue;
		if (noise === 'any' && !likeCounter.test(line)) continue;
		const read = line.trimStart().startsWith('{') ? readJsonLine(line) : readCsvLine(line, separator);
		if ('refused' in read) throw refuse(line, index + 1, read.refused);
		if ('metric' in read) {
			const last = entries.pop();
			if (last === undefined) throw refuse(line, index + 1, 'a metric before any counter');
			entries.push({ ...last, metrics: [...last.metrics, read.metric] });
		} else entries.push(read);
	}
	if (entries.length === 0)
		throw new GuestError('perf-output', 'perf stat printed no counter', {
			evidence: text
				.split('\n')
				.filter(line => line !== '')
				.slice(-10),
		});
	return entries;
}
