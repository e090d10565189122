import type { Known } from './matrix.ts';

/** Skips QEMUs without the PMU choice, saying what was asked and what was found. */
export function choiceNeeded({ qemu }: Known): string | undefined {
	return qemu.hasPmuChoice
		? undefined
		: `needs a QEMU with the PMU choice; ${qemu.version} does not know the trace event kvm_arm_set_pmu`;
}
