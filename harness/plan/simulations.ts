import type { SimulatedHost } from '../../src/pmu/index.ts';

/** Capabilities that no available kernel has, by the names used in matrices. Each is simulated on the cell's host. */
export const simulations: Readonly<Record<string, SimulatedHost>> = {
	/** The PMU of the series that adds KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY. */
	'fixed-counters-only': { kvm: { fixedCountersOnly: 'yes' } },
	/** A kernel from before SET_PMU (Linux 5.17 and older). */
	'no-set-pmu': { kvm: { setPmu: 'no' } },
	/** A kernel without a PMU for guests. */
	'no-kvm-pmu': { kvm: { pmuV3: 'no' } },
	/** A KVM with a PMU for guests, on a CPU that has none. */
	'no-pmu-vcpu': { kvm: { scratchVcpu: 'no' } },
};
