import { answers, functions, holds, is, ok, type Rule, rulesOf, told, toldErrno } from '../rule.ts';

const busy = answers('EBUSY');
const invalid = answers('EINVAL');
const fault = answers('EFAULT');
const none = answers('ENXIO');
const noDevice = answers('ENODEV');

/** Which attributes there are, and what they answer to a vCPU without a PMU and to bad pointers. */
const presence: readonly Rule[] = [
	...rulesOf(functions.has, [4, 6], {
		'no-feature.has.irq': ['HAS IRQ without the PMU feature', none],
		'no-feature.has.init': ['HAS INIT without the PMU feature', none],
		'no-feature.has.filter': ['HAS FILTER without the PMU feature', none],
		'no-feature.has.set-pmu': ['HAS SET_PMU without the PMU feature', none],
		'no-feature.has.nr-counters': ['HAS SET_NR_COUNTERS without the PMU feature', none],
		'no-feature.has.fixed': ['HAS attribute 5 without the PMU feature', none],
		'has.irq': ['HAS IRQ', ok],
		'has.init': ['HAS INIT', ok],
		'has.unknown': ['HAS an attribute that does not exist', none],
	}),
	...rulesOf(functions.has, [5, 8], { 'has.filter': ['HAS FILTER', ok] }),
	...rulesOf(functions.has, [5, 18], { 'has.set-pmu': ['HAS SET_PMU', ok] }),
	...rulesOf(functions.has, [6, 16], { 'has.nr-counters': ['HAS SET_NR_COUNTERS', ok] }),
	...rulesOf(functions.has, [4, 6], { 'has.fixed': ['HAS attribute 5, which only posted series have', toldErrno] }),
	...rulesOf(functions.group, [4, 6], { 'has.unknown-group': ['HAS in a group that does not exist', none] }),
	...rulesOf(functions.set, [4, 6], {
		'no-feature.set.irq': ['SET IRQ without the PMU feature', noDevice],
		'no-feature.set.init': ['SET INIT without the PMU feature', noDevice],
		'no-feature.set.filter': ['SET FILTER without the PMU feature', noDevice],
		'no-feature.set.set-pmu': ['SET_PMU without the PMU feature', noDevice],
		'no-feature.set.nr-counters': ['SET_NR_COUNTERS without the PMU feature', noDevice],
		'no-feature.set.fixed': ['SET attribute 5 without the PMU feature', noDevice],
		'no-feature.set.unknown': ['SET an attribute that does not exist, without the PMU feature', noDevice],
		'set.unknown': ['SET an attribute that does not exist', none],
		'null.irq': ['SET IRQ from address 0', fault, 'gic'],
		'null.filter': ['SET FILTER from address 0', fault],
		'null.set-pmu': ['SET_PMU from address 0', fault, 'set-pmu'],
		'null.nr-counters': ['SET_NR_COUNTERS from address 0', fault, 'nr-counters'],
		'kernel-address.irq': ["SET IRQ from an address of the kernel's", fault, 'gic'],
		'kernel-address.filter': ["SET FILTER from an address of the kernel's", fault],
		'kernel-address.set-pmu': ["SET_PMU from an address of the kernel's", fault, 'set-pmu'],
		'kernel-address.nr-counters': ["SET_NR_COUNTERS from an address of the kernel's", fault, 'nr-counters'],
	}),
	...rulesOf(functions.get, [4, 6], {
		'get.init': ['GET INIT', none],
		'get.filter': ['GET FILTER', none],
		'get.set-pmu': ['GET SET_PMU', none],
		'get.nr-counters': ['GET SET_NR_COUNTERS', none],
		'get.fixed': ['GET attribute 5 before it is set', none],
	}),
];

const irq: readonly Rule[] = [
	...rulesOf(functions.set, [4, 6], {
		'irq.no-gic': ['SET IRQ without an interrupt controller', invalid],
		'irq.sgi': ['SET IRQ 15, an SGI', invalid, 'gic'],
		'irq.too-large': ['SET IRQ 1020, beyond the SPIs', invalid, 'gic'],
		'irq.negative': ['SET IRQ -1', invalid, 'gic'],
		'irq.ppi': ['SET IRQ 23, a PPI', ok, 'gic'],
		'irq.again': ['SET IRQ a second time', busy, 'gic'],
		'irq.spi': ['SET IRQ 40, an SPI', ok, 'gic'],
		'after-init.irq': ['SET IRQ after INIT', busy, 'gic'],
		'after-init.init': ['INIT after INIT', busy, 'gic'],
		'after-init.filter': ['FILTER after INIT', busy, 'gic'],
		'after-init.set-pmu': ['SET_PMU after INIT', busy, 'gic'],
		'after-init.nr-counters': ['SET_NR_COUNTERS after INIT', busy, 'gic'],
		'after-init.fixed': ['attribute 5 after INIT', busy, 'gic'],
		'after-init.unknown': ['SET an attribute that does not exist, after INIT', busy, 'gic'],
	}),
	...rulesOf(functions.get, [4, 6], {
		'irq.get-no-gic': ['GET IRQ without an interrupt controller', invalid],
		'irq.get-before': ['GET IRQ before it is set', none, 'gic'],
		'irq.get': ['GET IRQ', ok, 'gic'],
		'irq.get-value': ['the IRQ that GET returns', is(23), 'gic'],
	}),
	...rulesOf(functions.irqIsValid, [4, 6], {
		'irq.another-ppi': ['another PPI on the second vCPU', invalid, 'gic'],
		'irq.same-ppi': ['the same PPI on the second vCPU', ok, 'gic'],
		'irq.same-spi': ['the same SPI on the second vCPU', invalid, 'gic'],
		'irq.another-spi': ['another SPI on the second vCPU', ok, 'gic'],
	}),
	...rulesOf(functions.init, [4, 6], {
		'gic.init': ['initialisation of the interrupt controller', ok, 'gic'],
		'init.gic-not-ready': ['INIT before the interrupt controller is initialised', noDevice, 'gic'],
		'init.no-irq': ['INIT without an IRQ', none, 'gic'],
		'init.first': ['INIT', ok, 'gic'],
		'init.other': ['INIT of the second vCPU', ok, 'gic'],
	}),
];

const setPmu: readonly Rule[] = [
	...rulesOf(functions.setPmu, [5, 18], {
		'set-pmu.unknown-type': ['SET_PMU with a type that no event source has', none, 'set-pmu'],
		'set-pmu.negative-type': ['SET_PMU with type -1', none, 'set-pmu'],
		'set-pmu.software-type': ['SET_PMU with PERF_TYPE_SOFTWARE', none, 'set-pmu'],
		'set-pmu.breakpoint-type': ['SET_PMU with PERF_TYPE_BREAKPOINT', none, 'set-pmu'],
		'set-pmu.first': ["SET_PMU with a CPU's PMU", ok, 'set-pmu'],
		'set-pmu.again': ['SET_PMU with the same PMU again', ok, 'set-pmu'],
		'set-pmu.changed': ['SET_PMU with the other PMU afterwards', ok, 'two-pmus'],
		'filter.then-set-pmu-accepted': ['number of PMUs that SET_PMU takes after a filter', is(1), 'two-pmus'],
		'filter.then-set-pmu-refused': ['SET_PMU with another PMU after a filter', busy, 'two-pmus'],
		'filter.then-unknown-type': ['SET_PMU with an unknown type after a filter', none, 'set-pmu'],
		'shared.set-pmu': ['SET_PMU on the first of two vCPUs', ok, 'set-pmu'],
		'shared.set-pmu-same': ['SET_PMU with the same PMU on the second vCPU, after a filter', ok, 'set-pmu'],
		'shared.set-pmu-changed': ['SET_PMU with another PMU on the second vCPU, after a filter', busy, 'two-pmus'],
		'after-run.set-pmu': ['SET_PMU on a second vCPU after the first has run', busy, 'set-pmu'],
		'after-run.set-pmu-unknown': ['SET_PMU with an unknown type after the first run', none, 'set-pmu'],
		'late.set-pmu': ['SET_PMU on a vCPU that is made after another has run', busy, 'set-pmu'],
	}),
	// Until 6.3 the default PMU was that of a raw event or the first one registered.
	...rulesOf(functions.probe, [6, 4], {
		'filter.then-set-pmu-default': ["SET_PMU with the PMU of the vCPU's CPU, after a filter", ok, 'two-pmus'],
	}),
];

const filter: readonly Rule[] = [
	...rulesOf(functions.set, [5, 8], {
		'filter.bad-action': ['FILTER with action 2', invalid],
		'filter.out-of-range': ['FILTER beyond the last event', invalid],
		'filter.first': ['FILTER', ok],
		'filter.second': ['a second FILTER', ok],
		'shared.filter': ['FILTER on the second vCPU after SET_PMU on the first', ok, 'set-pmu'],
		'after-run.filter': ['FILTER on a second vCPU after the first has run', busy],
	}),
];

const counters: readonly Rule[] = [
	...rulesOf(functions.pmcr, [6, 7], {
		'pmcr.n': ['event counters of a vCPU (PMCR_EL0.N)', told],
		'pmcr.n-too-large': ['PMCR_EL0.N of 31 from user space is ignored', holds],
		'pmcr.n-lowered': ['PMCR_EL0.N after user space wrote 0', is(0)],
		'after-run.pmcr-n': ['PMCR_EL0.N from user space is ignored after the first run', holds],
	}),
	...rulesOf(functions.nrCounters, [6, 16], {
		'nr-counters.too-many': ['SET_NR_COUNTERS above what the PMU has', invalid, 'nr-counters'],
		'nr-counters.none': ['SET_NR_COUNTERS 0', ok, 'nr-counters'],
		'nr-counters.none-n': ['PMCR_EL0.N then', is(0), 'nr-counters'],
		'nr-counters.most': ['SET_NR_COUNTERS with as many as the PMU has', ok, 'nr-counters'],
		'nr-counters.most-n': ['PMCR_EL0.N is that many then', holds, 'nr-counters'],
		'nr-counters.set-pmu-n': [
			'SET_PMU after SET_NR_COUNTERS 0 gives all of them back',
			holds,
			'nr-counters',
			'set-pmu',
		],
		'after-run.nr-counters': ['SET_NR_COUNTERS on a second vCPU after the first has run', toldErrno, 'nr-counters'],
	}),
];

const strict: readonly Rule[] = [
	...rulesOf(functions.features, [4, 6], {
		'strict.alone': ['VCPU_INIT with PMU_V3_STRICT and without PMU_V3', answers('EINVAL', 'ENOENT')],
	}),
	...rulesOf(functions.init, [7, 3], {
		'strict.n': ['PMCR_EL0.N before SET_PMU, with PMU_V3_STRICT', is(0), 'strict'],
		'strict.nr-counters-early': ['SET_NR_COUNTERS before SET_PMU, with PMU_V3_STRICT', invalid, 'strict'],
		'strict.init-early': ['INIT before SET_PMU, with PMU_V3_STRICT', none, 'strict'],
		'strict.set-pmu': ['SET_PMU, with PMU_V3_STRICT', ok, 'strict'],
		'strict.init': ['INIT after SET_PMU, with PMU_V3_STRICT', ok, 'strict'],
	}),
];

/** Rules for what is asked and set without running a guest. */
export const attributeRules: readonly Rule[] = [...presence, ...irq, ...setPmu, ...filter, ...counters, ...strict];
