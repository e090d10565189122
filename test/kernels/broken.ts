/** A kernel with one thing broken in KVM's PMU, and the checks that tell. */
export interface BrokenKernel {
	/** The patch's name in `broken/`; it applies to Linux 6.12. */
	readonly name: string;
	/** Whether it goes on top of the fixed counters. */
	readonly onFixed: boolean;
	readonly what: string;
	/** Ids of the checks that deviate, and no others do; `kernel-log` for what the kernel logs. */
	readonly told: readonly string[];
}

export const brokenKernels: readonly BrokenKernel[] = [
	{
		name: 'set-pmu-any-type',
		onFixed: false,
		what: 'SET_PMU takes any type',
		told: [
			...['filter.then-unknown-type', 'after-run.set-pmu-unknown'],
			...['set-pmu.unknown-type', 'set-pmu.negative-type', 'set-pmu.software-type', 'set-pmu.breakpoint-type'],
		],
	},
	{
		name: 'set-pmu-after-run',
		onFixed: false,
		what: 'SET_PMU after the first run is not EBUSY',
		told: ['after-run.set-pmu', 'late.set-pmu'],
	},
	{ name: 'no-reset', onFixed: false, what: 'VCPU_INIT does not reset the counters', told: ['reset.stands'] },
	{ name: 'pmceid-off-by-one', onFixed: false, what: 'PMCEID0 is one bit off', told: ['run.pmceid0'] },
	{ name: 'warn-on-event', onFixed: false, what: 'a WARN in `kvm_pmu_create_perf_event`', told: ['kernel-log'] },
	{
		name: 'fixed-keeps-n',
		onFixed: true,
		what: 'attribute 5 leaves PMCR_EL0.N as it was',
		told: ['fixed.n', 'fixed.n-raised', 'fixed.run-n', 'fixed.reset-n'],
	},
	{
		name: 'fixed-does-not-follow',
		onFixed: true,
		what: 'attribute 5 without the hook that follows the CPU',
		told: ['fixed.moved'],
	},
];
