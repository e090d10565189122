import type { PerfStatEntry, PerfStatRun } from '../../../src/guest/index.ts';
import type { GuestReading } from '../../../src/pmu/index.ts';

/** Identifies one reading. */
export interface ReadingOf {
	readonly event: string;
	/** The event's position on perf's command line, which may name an event more than once. */
	readonly index: number;
	readonly pinned: string | null;
	readonly vcpu: number | undefined;
	/** Turns of the loop workload in N; `undefined` for other work. */
	readonly turns: number | undefined;
}

/** Combines one event's figures for N and 2N into a reading. If there was no run, the reading is `stuck`. */
export function readingOf(
	what: ReadingOf,
	first: PerfStatRun | undefined,
	second: PerfStatRun | undefined,
): GuestReading {
	const { event, pinned, vcpu, turns } = what;
	const onVcpu = vcpu === undefined ? {} : { vcpu };
	const entry = entryOf(what, first);
	if (entry === undefined) {
		return { event, state: 'stuck', count: null, runningPct: null, pinned, worked: false, ...onVcpu };
	}
	const double = entryOf(what, second);
	const least = turns === undefined ? undefined : leastOf(event, turns);
	return {
		event,
		state: entry.state,
		count: entry.count,
		runningPct: entry.runningPct,
		pinned,
		worked: first?.result.status === 0 && (second === undefined || second.result.status === 0),
		...(double === undefined ? {} : { doubledCount: double.count }),
		...(entry.runNs === null || typeof double?.runNs !== 'bigint'
			? {}
			: { onCounterNs: [entry.runNs, double.runNs] as const }),
		...(least === undefined ? {} : { least }),
		...onVcpu,
	};
}

function entryOf({ event, index }: ReadingOf, run: PerfStatRun | undefined): PerfStatEntry | undefined {
	const named = (one: PerfStatEntry) => one.event === event || `${one.event}:${one.modifiers}` === event;
	const placed = run?.entries[index];
	return placed !== undefined && named(placed) ? placed : run?.entries.find(named);
}

/**
 * Returns the minimum count for so many turns of the loop. A turn is four instructions ending in a taken branch
 * (workload.c). No known CPU takes four branches in a cycle, and an emulator's clock is far slower than that.
 */
function leastOf(event: string, turns: number): bigint | undefined {
	if (/^instructions(:u)?$/.test(event)) return 4n * BigInt(turns);
	if (/^(cycles|cpu-cycles|r11)(:u)?$/.test(event)) return BigInt(turns) / 4n;
	return undefined;
}

/** Returns the smaller counts of two readings. A reading without a count is never replaced by a count. */
export function least(a: GuestReading, b: GuestReading): GuestReading {
	const smaller = (x: bigint | null | undefined, y: bigint | null | undefined) =>
		typeof x === 'bigint' && typeof y === 'bigint' ? (x < y ? x : y) : x;
	if (a.state !== 'counted' || b.state !== 'counted') return a.state === 'counted' ? b : a;
	return {
		...a,
		worked: a.worked && b.worked,
		count: smaller(a.count, b.count) ?? null,
		...(a.doubledCount === undefined ? {} : { doubledCount: smaller(a.doubledCount, b.doubledCount) ?? null }),
		...(a.onCounterNs === undefined || b.onCounterNs === undefined
			? {}
			: {
					onCounterNs: [
						timeOf(a.count, a.onCounterNs[0], b.count, b.onCounterNs[0]),
						timeOf(a.doubledCount, a.onCounterNs[1], b.doubledCount, b.onCounterNs[1]),
					] as const,
				}),
	};
}

/** Returns the time that belongs to the smaller of two counts. */
function timeOf(x: bigint | null | undefined, xNs: bigint, y: bigint | null | undefined, yNs: bigint): bigint {
	return typeof x === 'bigint' && typeof y === 'bigint' && y < x ? yNs : xNs;
}

/**
 * Whether another attempt could not improve the readings. Stricter than the verdict, so that a count that only just
 * passes is taken again.
 */
export function isPlausible({ count, doubledCount }: GuestReading): boolean {
	if (typeof doubledCount !== 'bigint' || typeof count !== 'bigint' || count === 0n) return true;
	const ratio = Number(doubledCount) / Number(count);
	return ratio > 1.4 && ratio < 3;
}
