import { shorten } from '../../lib/text/foreign.ts';
import { GuestError } from '../errors.ts';

/** One counter as `perf stat` reported it. */
export interface PerfStatEntry {
	/** Event as perf names it, with PMU and modifiers: `cycles`, `r11:u`, `armv8_pmuv3_0/cpu_cycles/k`. */
	readonly event: string;
	/** `armv8_pmuv3_0` of `armv8_pmuv3_0/cpu_cycles/k`, `null` when the event names none. */
	readonly pmu: string | null;
	/** `u` of `cycles:u`, `''` without. */
	readonly modifiers: string;
	/** `not-counted`: the event never ran on a counter; `not-supported`: the kernel refused to open it. Neither means zero. */
	readonly state: 'counted' | 'not-counted' | 'not-supported';
	/** The count, exact up to 2^64 - 1; `null` unless counted, and for values that perf prints with a fraction. */
	readonly count: bigint | null;
	/** The value as printed, with a decimal point; `null` unless counted. */
	readonly value: string | null;
	/** Counted, and the count is zero. */
	readonly zero: boolean;
	/** `msec`, `MiB`; `''` for plain counts. */
	readonly unit: string;
	/** Nanoseconds for which the event was on a counter. */
	readonly runNs: bigint | null;
	/** Percentage of the enabled time for which the event was on a counter; below 100 the count is perf's extrapolation. */
	readonly runningPct: number | null;
	/** Relative standard deviation in per cent over `--repeat` runs. */
	readonly deviationPct: number | null;
	/**
	 * `0` of `CPU0` with `--no-aggr`; `S0`, `N0`, `S0-D0`, `S0-D0-C1`, `S0-D0-CLS0` or `S0-D0-L3-ID0` with an aggregation;
	 * `null` without. An entry with an aggregation is a part of the total.
	 */
	readonly cpu: string | null;
	/** How many CPUs or counters an aggregation holds, `null` where perf does not say. */
	readonly aggregated: number | null;
	/** `vmstat-23644`, command and thread id, with `--per-thread`; such a count is of that thread only. */
	readonly thread: string | null;
	/** `machine.slice` with `-G`; such a count is of that control group only. `null` without a group. */
	readonly cgroup: string | null;
	/** Seconds since the start with `-I`; such a count is of that interval only. */
	readonly intervalSeconds: number | null;
	/** The sum over all intervals that perf prints at the end with `-I --summary`. */
	readonly summary: boolean;
	/** Metrics that perf derived, such as 1.33 `insn per cycle`; those that it could not compute (`nan`) are left out. */
	readonly metrics: readonly { readonly value: string; readonly unit: string }[];
}

const u64Max = (1n << 64n) - 1n;

/** A 64-bit count has at most 20 digits; perf's fractions add only a few. */
const longestValue = 60;

export function refuse(line: string, number: number, why: string): GuestError {
	const quoted = shorten(line);
	const message = `perf stat printed a line that cannot be read (${shorten(why)}), line ${number}: ${quoted}`;
	return new GuestError('perf-output', message, { evidence: [quoted] });
}

export type PerfValue = Pick<PerfStatEntry, 'state' | 'count' | 'value' | 'zero'>;

/** Parses a counter's value, or one of perf's two words for a missing value. @returns `null` if it is neither */
export function readValue(text: string): PerfValue | null {
	if (text === '<not counted>') return { state: 'not-counted', count: null, value: null, zero: false };
	if (text === '<not supported>') return { state: 'not-supported', count: null, value: null, zero: false };
	const match = text.length > longestValue ? null : /^(\d+)(?:\.(\d+))?$/.exec(text);
	if (match === null) return null;
	const whole = BigInt(match[1]!);
	if (whole > u64Max) return null;
	const isWhole = /^0*$/.test(match[2] ?? '');
	return { state: 'counted', count: isWhole ? whole : null, value: text, zero: isWhole && whole === 0n };
}

/**
 * Splits an event's name. The PMU is before a pair of slashes, or in brackets after the name (perf up to 6.14);
 * modifiers are after the slashes, before the last slash (`cpu_core/cycles:u/`, hybrid PMUs), or after a colon.
 */
export function readEvent(event: string): Pick<PerfStatEntry, 'event' | 'pmu' | 'modifiers'> {
	const withPmu = /^([^/:]+)\/(.*)\/([A-Za-z]*)$/.exec(event);
	if (withPmu !== null) {
		return { event, pmu: withPmu[1]!, modifiers: withPmu[3]! || modifiersOf(withPmu[2]!) };
	}
	const inBrackets = /^(.*) \[([^[\]]+)\]$/.exec(event);
	if (inBrackets !== null) return { event, pmu: inBrackets[2]!, modifiers: modifiersOf(inBrackets[1]!) };
	return { event, pmu: null, modifiers: modifiersOf(event) };
}

/** A breakpoint's `:rw` is its access type, not a modifier; modifiers follow after another colon. */
function modifiersOf(name: string): string {
	const rest = name.replace(/^mem:0x[0-9a-f]+(\/\d+)?(:[rwx]+)?/i, 'mem');
	return /:([ukhGHIpPSDWeb]+)$/.exec(rest)?.[1] ?? '';
}

/** Every column of a line except the counter itself. */
export type PerfColumns = Pick<PerfStatEntry, 'cpu' | 'aggregated' | 'thread' | 'intervalSeconds' | 'summary'>;

/** The parse result of one line of `perf stat`. */
export type PerfLine =
	| { readonly kind: 'counter'; readonly entry: PerfStatEntry }
	/** A further metric of the preceding counter; `null` if perf could not compute it. */
	| { readonly kind: 'metric'; readonly columns: PerfColumns; readonly metric: PerfStatEntry['metrics'][number] | null }
	/** The heading or a metric of a metric group, whose counters perf does not print. */
	| { readonly kind: 'group' }
	/** Why the line could not be parsed. */
	| { readonly kind: 'refused'; readonly why: string };
