import { GuestError } from '../errors.ts';

/** One counter as `perf stat` reported it. */
export interface PerfStatEntry {
	/** Event as perf names it, with PMU and modifiers: `cycles`, `r11:u`, `armv8_pmuv3_0/cpu_cycles/k`. */
	readonly event: string;
	/** `armv8_pmuv3_0` of `armv8_pmuv3_0/cpu_cycles/k`, `null` when the event names none. */
	readonly pmu: string | null;
	/** `u` of `cycles:u`, `''` without. */
	readonly modifiers: string;
	/** `not-counted`: the event never ran on a counter; `not-supported`: the kernel refused to open it. Neither is a zero. */
	readonly state: 'counted' | 'not-counted' | 'not-supported';
	/** The count, exact up to 2^64 - 1; `null` unless counted, and for values that perf prints with a fraction. */
	readonly count: bigint | null;
	/** The value as printed, with a decimal point; `null` unless counted. */
	readonly value: string | null;
	/** Counted, and nothing was seen. */
	readonly zero: boolean;
	/** `msec`, `MiB`; `''` for plain counts. */
	readonly unit: string;
	/** Nanoseconds that the event was on a counter. */
	readonly runNs: bigint | null;
	/** Percentage of the enabled time that the event was on a counter; below 100 the count is perf's extrapolation. */
	readonly runningPct: number | null;
	/** Relative standard deviation in per cent over `--repeat` runs. */
	readonly deviationPct: number | null;
	/** `0` of `CPU0` with `--no-aggr`, `S0-D0-C1` with an aggregation, `null` without. */
	readonly cpu: string | null;
	/** Seconds since the start with `-I`. */
	readonly intervalSeconds: number | null;
	/** Figures that perf derived, such as 1.33 `insn per cycle`. */
	readonly metrics: readonly { readonly value: string; readonly unit: string }[];
}

const u64Max = (1n << 64n) - 1n;

export function refuse(line: string, number: number, why: string): GuestError {
	return new GuestError(
		'perf-output',
		`perf stat printed a line that cannot be read (${why}), line ${number}: ${line}`,
		{
			evidence: [line],
		},
	);
}

export type PerfValue = Pick<PerfStatEntry, 'state' | 'count' | 'value' | 'zero'>;

/** A counter's value with a decimal point, or one of perf's two words for having none. @returns `null` when it is neither */
export function readValue(text: string): PerfValue | null {
	if (text === '<not counted>') return { state: 'not-counted', count: null, value: null, zero: false };
	if (text === '<not supported>') return { state: 'not-supported', count: null, value: null, zero: false };
	const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
	if (match === null) return null;
	const whole = BigInt(match[1]!);
	if (whole > u64Max) return null;
	const isWhole = /^0*$/.test(match[2] ?? '');
	return { state: 'counted', count: isWhole ? whole : null, value: text, zero: isWhole && whole === 0n };
}

/** Takes an event's name apart. */
export function readEvent(event: string): Pick<PerfStatEntry, 'event' | 'pmu' | 'modifiers'> {
	const withPmu = /^([^/]+)\/[^/]*\/([A-Za-z]*)$/.exec(event);
	if (withPmu !== null) return { event, pmu: withPmu[1]!, modifiers: withPmu[2]! };
	const plain = /:([ukhGHIpPSDWeb]+)$/.exec(event);
	return { event, pmu: null, modifiers: plain?.[1] ?? '' };
}
