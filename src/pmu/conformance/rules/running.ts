import { answers, asListed, counts, functions, holds, is, ok, type Rule, rulesOf, told } from '../rule.ts';

/** KVM_EXIT_FAIL_ENTRY. */
const refused = is(9);

/** Rules for what only a vCPU that runs shows. */
export const runningRules: readonly Rule[] = [
	...rulesOf(functions.vcpuInit, [4, 6], {
		'vcpu.init': ['VCPU_INIT with the PMU feature', ok],
		'late.vcpu': ['VCPU_INIT of a vCPU that is made after another has run', ok],
		'reset.vcpu-init': ['a second VCPU_INIT', ok],
		'reset.other-features': ['a second VCPU_INIT without the PMU feature', answers('EINVAL')],
	}),
	...rulesOf(functions.enable, [4, 6], {
		'run.before-init': ['the first run before INIT', answers('EINVAL')],
	}),
	...rulesOf(functions.init, [4, 6], {
		'run.init': ['INIT without an interrupt controller', ok],
		'after-run.init': ['INIT of a second vCPU after the first has run', ok],
		'late.init': ['INIT of a vCPU that is made after another has run', ok],
		'reset.init': ['INIT after a second VCPU_INIT', answers('EBUSY')],
	}),
	...rulesOf(functions.pmceid, [4, 6], {
		'run.pmceid0': ['the events that PMCEID0_EL0 shows a guest', asListed, 'set-pmu'],
	}),
	...rulesOf(functions.pmceid, [5, 8], {
		'filter.denied-listed': ['a denied event in PMCEID0_EL0', is(0)],
		'filter.others-listed': ['events in PMCEID0_EL0 beside the only one that is allowed', is(0)],
	}),
	...rulesOf(functions.pmcr, [4, 6], {
		'run.n': ['event counters that a guest sees (PMCR_EL0.N)', told],
	}),
	...rulesOf(functions.event, [4, 6], {
		'run.counts': ['cycles of a guest', counts],
		'run.goes-on': ['cycles of a guest that leaves its counter alone', counts],
		'shared.counts': ['cycles of a second vCPU that is set up after the first has run', counts],
		'late.counts': ['cycles of a vCPU that is made after another has run', counts],
		'count.el1-excluded': ['cycles of a guest at EL1 that excludes EL1', is(0)],
		'default.elsewhere': ["cycles on a CPU of another PMU, with KVM's default PMU", told, 'two-pmus'],
	}),
	...rulesOf(functions.event, [5, 8], {
		'filter.denied-counts': ['cycles of a guest whose filter denies them', is(0)],
		'filter.others-count': ['cycles of a guest whose filter allows another event', is(0)],
	}),
	...rulesOf(functions.probe, [6, 4], {
		'default.counts': ["cycles on the CPU that the vCPU was made on, with KVM's default PMU", counts],
	}),
	...rulesOf(functions.increment, [4, 6], {
		'count.sw-incr': ['three software increments', is(3), 'event-counters'],
	}),
	...rulesOf(functions.overflow, [4, 6], {
		'count.overflow': ['the overflow of the cycle counter (PMOVSSET_EL0)', counts, 'own-interrupts'],
	}),
	...rulesOf(functions.load, [5, 18], {
		'shared.outside': ['exit reason of a second vCPU on a CPU that its PMU does not cover', refused, 'two-pmus'],
		'late.outside': ['the same of a vCPU that is made after another has run', refused, 'two-pmus'],
	}),
	...rulesOf(functions.resetPmcr, [4, 6], {
		'reset.enable': ['PMCR_EL0.E after a second VCPU_INIT', is(0)],
		'reset.n': ['PMCR_EL0.N is kept by a second VCPU_INIT', holds],
	}),
	...rulesOf(functions.reset, [4, 6], {
		'reset.stands': ['cycles after a second VCPU_INIT, before the guest enables its counter', is(0)],
		'reset.counts': ['cycles after a second VCPU_INIT, once the guest has enabled its counter', counts],
	}),
	...rulesOf(functions.setPmu, [5, 18], {
		'reset.set-pmu': ['SET_PMU after a second VCPU_INIT', answers('EBUSY'), 'set-pmu'],
	}),
];

/** Rules for attribute 5, from its posted versions 7 and 8. */
export const fixedRules: readonly Rule[] = rulesOf(functions.fixed, [4, 6], {
	'fixed.set': ['attribute 5', ok, 'fixed'],
	'fixed.get': ['GET attribute 5 afterwards', ok, 'fixed'],
	'fixed.again': ['attribute 5 a second time', ok, 'fixed'],
	'fixed.n': ['PMCR_EL0.N with the fixed counters alone', is(0), 'fixed'],
	'fixed.n-raised': ['PMCR_EL0.N after user space wrote 1', is(0), 'fixed'],
	'fixed.then-set-pmu': ['SET_PMU after attribute 5 (v7: ok, v8: EBUSY)', answers('ok', 'EBUSY'), 'fixed', 'set-pmu'],
	'fixed.after-set-pmu': ['attribute 5 after SET_PMU (v7: ok, v8: EBUSY)', answers('ok', 'EBUSY'), 'fixed', 'set-pmu'],
	'fixed.then-filter': ['FILTER after attribute 5 (v7: ok, v8: EBUSY)', answers('ok', 'EBUSY'), 'fixed'],
	'fixed.after-filter': ['attribute 5 after FILTER', answers('EBUSY'), 'fixed'],
	'after-run.fixed': ['attribute 5 on a second vCPU after the first has run', answers('EBUSY'), 'fixed'],
	'fixed.get-after-set-pmu': [
		'GET attribute 5 after SET_PMU (v7: ENXIO, v8: ok)',
		answers('ENXIO', 'ok'),
		'fixed',
		'set-pmu',
	],
	'fixed.n-after-set-pmu': ['SET_PMU gives the event counters back (v7)', told, 'fixed', 'set-pmu'],
	'fixed.pmceid0': ['PMCEID0_EL0 with the fixed counters alone', told, 'fixed'],
	'fixed.run-n': ['PMCR_EL0.N that the guest sees', is(0), 'fixed'],
	'fixed.counts': ['cycles of the guest', counts, 'fixed'],
	'fixed.goes-on': ['cycles of a guest that leaves its counter alone', counts, 'fixed'],
	'fixed.moved': ['the same on a CPU of another PMU', counts, 'fixed', 'two-pmus'],
	'fixed.moved-back': ['the same back on the first CPU', counts, 'fixed', 'two-pmus'],
	'fixed.reset': ['a second VCPU_INIT', ok, 'fixed'],
	'fixed.reset-n': ['PMCR_EL0.N after it', is(0), 'fixed'],
	'fixed.reset-counts': ['cycles after it', counts, 'fixed'],
});
