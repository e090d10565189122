import { shorten } from '../lib/text/foreign.ts';

/**
 * One line of a trace event. The PMU choice adds the events `kvm_arm_set_pmu` and `kvm_arm_set_pmu_fixed_counters_only`;
 * their `ret` is the kernel's result (0, or a negative errno).
 */
export interface TraceEvent {
	readonly event: string;
	/** Numbers that follow a name in the event's text: `type 10 ret 0` gives `type` and `ret`. */
	readonly numbers: Readonly<Record<string, number>>;
	/** The text after the event's name, unchanged. */
	readonly text: string;
	/** Seconds since the epoch, if QEMU logged times (`-msg timestamp=on`). */
	readonly atSeconds?: number;
}

/** A return of KVM_RUN that QEMU's Arm code does not handle: QEMU logs it (`-d unimp`) and enters the guest again. */
export interface UnhandledExit {
	readonly reason: number;
	/** Name of the exit reason (linux/kvm.h), if known here. */
	readonly name: string | null;
	readonly count: number;
}

export interface ParsedLog {
	readonly events: readonly TraceEvent[];
	readonly unhandledExits: readonly UnhandledExit[];
	/** All other lines: further items of `-d`. */
	readonly other: readonly string[];
}

/** Exit reasons of `struct kvm_run` (Linux, include/uapi/linux/kvm.h) that a vCPU without progress may show. */
const exitReasons: Readonly<Record<number, string>> = {
	0: 'KVM_EXIT_UNKNOWN',
	6: 'KVM_EXIT_MMIO',
	8: 'KVM_EXIT_SHUTDOWN',
	9: 'KVM_EXIT_FAIL_ENTRY',
	10: 'KVM_EXIT_INTR',
	17: 'KVM_EXIT_INTERNAL_ERROR',
	24: 'KVM_EXIT_SYSTEM_EVENT',
	28: 'KVM_EXIT_ARM_NISV',
	39: 'KVM_EXIT_MEMORY_FAULT',
};

/** QEMU does not write longer lines. The rest of a longer line is ignored. */
const longestLine = 4096;

/** Returns the name of an exit reason; `null` if it is unknown here. */
export function exitReasonName(reason: number): string | null {
	return exitReasons[reason] ?? null;
}

/**
 * Parses the file of `-D`: trace events of the log backend (`NAME TEXT`, or `PID@SECONDS.MICROS:NAME TEXT`) and items of
 * `-d`, which share the file. Skips an unfinished last line.
 *
 * @param isEvent which first words are trace events; by default those with an underscore, as all of QEMU's events have one
 */
export function parseTrace(text: string, isEvent: (word: string) => boolean = word => word.includes('_')): ParsedLog {
	const events: TraceEvent[] = [];
	const exits = new Map<number, number>();
	const other: string[] = [];
	const lines = text.split('\n');
	lines.pop();
	for (const whole of lines) {
		const line = shorten(whole, longestLine);
		const exit = /\bun-handled exit reason (\d+)\s*$/.exec(line);
		if (exit !== null) {
			const reason = Number(exit[1]);
			exits.set(reason, (exits.get(reason) ?? 0) + 1);
			continue;
		}
		const match = /^(?:\d+@(\d+\.\d+):)?([a-z]\w*)(?: (.*))?$/.exec(line.trimEnd());
		if (match === null || !isEvent(match[2]!)) {
			if (line !== '') other.push(line);
			continue;
		}
		const [, at, event = '', rest = ''] = match;
		events.push({
			event,
			numbers: numbersIn(rest),
			text: rest,
			...(at === undefined ? {} : { atSeconds: Number(at) }),
		});
	}
	const unhandledExits = [...exits].map(([reason, count]) => ({ reason, name: exitReasonName(reason), count }));
	return { events, unhandledExits, other };
}

/** Matches a name and the number after it. Matches only at word starts, so that the time is linear. */
const numbered = /(?<!\w)([A-Za-z_]\w*)(?::\s*|=|\s+)(-?0x[0-9a-fA-F]+|-?\d+)(?![\w.])/g;

function numbersIn(text: string): Record<string, number> {
	const found: Record<string, number> = {};
	for (const [, name, value] of text.matchAll(numbered)) {
		found[name!] = value!.startsWith('-0x') ? -Number(value!.slice(1)) : Number(value);
	}
	return found;
}

/** What the trace shows about the PMU: the requests to the kernel, and each result. */
export type TracedPmu =
	| { readonly backend: 'event-source'; readonly type: number; readonly results: readonly number[] }
	| { readonly backend: 'fixed-counters-only'; readonly results: readonly number[] }
	/** The kernel was not asked: KVM's default, or no PMU. The CPU's `pmu` property says which. */
	| { readonly backend: null; readonly results: readonly [] }
	/** More than one kind of request, which a correct QEMU never makes. */
	| { readonly backend: 'contradictory'; readonly results: readonly number[]; readonly seen: readonly string[] };

/** Summarises the trace events of one QEMU into its PMU requests. */
export function tracedPmu(events: readonly TraceEvent[]): TracedPmu {
	const asked = events.filter(
		({ event }) => event === 'kvm_arm_set_pmu' || event === 'kvm_arm_set_pmu_fixed_counters_only',
	);
	const results = asked.map(({ numbers }) => numbers.ret ?? Number.NaN);
	const seen = [
		...new Set(
			asked.map(({ event, numbers }) => (numbers.type === undefined ? event : `${event} type ${numbers.type}`)),
		),
	];
	if (seen.length > 1 || results.some(Number.isNaN)) return { backend: 'contradictory', results, seen };
	const [first] = asked;
	if (first === undefined) return { backend: null, results: [] };
	if (first.event === 'kvm_arm_set_pmu_fixed_counters_only') return { backend: 'fixed-counters-only', results };
	return { backend: 'event-source', type: first.numbers.type ?? Number.NaN, results };
}
