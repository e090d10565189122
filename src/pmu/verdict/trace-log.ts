import type { TraceObservation } from './observed.ts';

/**
 * Extracts the lines of the PMU choice from a QEMU trace log (text of the log backend, with or without time stamps).
 * Other lines are skipped. `eventsKnown` says whether this QEMU has the events, which an empty log does not show.
 */
export function parseTraceLog(text: string, eventsKnown: boolean): TraceObservation {
	const line = /(?:^|[\s:])kvm_arm_set_pmu type (\d+) ret (-?\d+)\s*$/gm;
	const fixed = /(?:^|[\s:])kvm_arm_set_pmu_fixed_counters_only ret (-?\d+)\s*$/gm;
	return {
		events: eventsKnown ? 'known' : 'unknown',
		setPmu: [...text.matchAll(line)].map(match => ({ type: Number(match[1]), ret: Number(match[2]) })),
		setFixedCountersOnly: [...text.matchAll(fixed)].map(match => ({ ret: Number(match[1]) })),
	};
}
