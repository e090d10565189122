/* The attributes of a vCPU's PMU that can be asked for and set without running a guest. */
#ifndef VPMU_ATTRIBUTES_H
#define VPMU_ATTRIBUTES_H
#include "ask.h"

static void ask_without_feature(void)
{
	struct scratch scratch;

	if (!begin(&scratch, 0))
		return;
	for (u32 attribute = 0; attribute < ATTRIBUTES; attribute++) {
		said_of("no-feature.has", attribute_names[attribute], has(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, attribute));
		said_of("no-feature.set", attribute_names[attribute], set_rightly(scratch.vcpu, attribute));
	}
	said("no-feature.set.unknown", set(scratch.vcpu, UNKNOWN_ATTRIBUTE, 0));
	unmake(&scratch);
}

static void ask_pointers(const struct scratch *scratch, const char *group, const void *pointer)
{
	for (u32 attribute = 0; attribute < ATTRIBUTES - 1; attribute++)
		if (attribute != KVM_ARM_VCPU_PMU_V3_INIT)
			said_of(group, attribute_names[attribute], set(scratch->vcpu, attribute, pointer));
}

static void ask_presence(void)
{
	struct scratch scratch;
	u64 value = 0;
	long gic;

	if (!begin(&scratch, WITH_PMU))
		return;
	for (u32 attribute = 0; attribute < ATTRIBUTES; attribute++) {
		said_of("has", attribute_names[attribute], has(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, attribute));
		if (attribute != KVM_ARM_VCPU_PMU_V3_IRQ)
			said_of("get", attribute_names[attribute], get(scratch.vcpu, attribute, &value));
	}
	said("has.unknown", has(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, UNKNOWN_ATTRIBUTE));
	said("has.unknown-group", has(scratch.vcpu, UNKNOWN_GROUP, 0));
	said("set.unknown", set(scratch.vcpu, UNKNOWN_ATTRIBUTE, 0));
	said("irq.no-gic", set_irq(scratch.vcpu, PPI));
	said("irq.get-no-gic", get(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &value));
	gic = make_gic(&scratch);
	if (gic >= 0) {
		ask_pointers(&scratch, "null", 0);
		/* An address of the kernel. */
		ask_pointers(&scratch, "kernel-address", (const void *)-4096L);
		SYS(close, gic);
	}
	unmake(&scratch);
}

static void ask_irq(void)
{
	struct scratch scratch, other;
	u64 value = 0;
	long gic;

	if (!begin(&scratch, WITH_PMU))
		return;
	add(&scratch, &other, 1, WITH_PMU);
	gic = make_gic(&scratch);
	if (gic >= 0) {
		said("irq.get-before", get(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &value));
		said("irq.sgi", set_irq(scratch.vcpu, 15));
		said("irq.too-large", set_irq(scratch.vcpu, 1020));
		said("irq.negative", set_irq(scratch.vcpu, -1));
		said("init.gic-not-ready", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
		said("irq.ppi", set_irq(scratch.vcpu, PPI));
		said("irq.again", set_irq(scratch.vcpu, PPI));
		said("irq.get", get(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &value));
		said("irq.get-value", (u32)value);
		said("irq.another-ppi", set_irq(other.vcpu, PPI - 1));
		said("irq.same-ppi", set_irq(other.vcpu, PPI));
		said("gic.init", start_gic(gic));
		said("init.first", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
		for (u32 attribute = 0; attribute < ATTRIBUTES; attribute++)
			said_of("after-init", attribute_names[attribute], set_rightly(scratch.vcpu, attribute));
		said("after-init.unknown", set(scratch.vcpu, UNKNOWN_ATTRIBUTE, 0));
		said("init.other", set(other.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
		SYS(close, gic);
	}
	forget(&other);
	unmake(&scratch);
}

static void ask_spi(void)
{
	struct scratch scratch, other;
	long gic;

	if (!begin(&scratch, WITH_PMU))
		return;
	add(&scratch, &other, 1, WITH_PMU);
	gic = make_gic(&scratch);
	if (gic >= 0) {
		start_gic(gic);
		said("init.no-irq", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
		said("irq.spi", set_irq(scratch.vcpu, SPI));
		said("irq.same-spi", set_irq(other.vcpu, SPI));
		said("irq.another-spi", set_irq(other.vcpu, SPI + 1));
		SYS(close, gic);
	}
	forget(&other);
	unmake(&scratch);
}

static void ask_set_pmu(void)
{
	struct scratch scratch;

	if (!begin(&scratch, WITH_PMU))
		return;
	said("set-pmu.unknown-type", set_pmu(scratch.vcpu, UNKNOWN_TYPE));
	said("set-pmu.negative-type", set_pmu(scratch.vcpu, -1));
	/* PERF_TYPE_SOFTWARE and PERF_TYPE_BREAKPOINT. */
	said("set-pmu.software-type", set_pmu(scratch.vcpu, 1));
	said("set-pmu.breakpoint-type", set_pmu(scratch.vcpu, 5));
	if (home.found) {
		said("set-pmu.first", set_pmu(scratch.vcpu, home.type));
		said("set-pmu.again", set_pmu(scratch.vcpu, home.type));
	}
	if (elsewhere.found)
		said("set-pmu.changed", set_pmu(scratch.vcpu, elsewhere.type));
	unmake(&scratch);
}

static void ask_filter(void)
{
	struct scratch scratch;
	u64 same, changed;

	if (!begin(&scratch, WITH_PMU))
		return;
	said("filter.bad-action", set_filter(scratch.vcpu, CPU_CYCLES, 1, 2));
	said("filter.out-of-range", set_filter(scratch.vcpu, 0xffff, 2, KVM_PMU_EVENT_ALLOW));
	said("filter.first", set_filter(scratch.vcpu, CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW));
	said("filter.second", set_filter(scratch.vcpu, INST_RETIRED, 1, KVM_PMU_EVENT_DENY));
	if (elsewhere.found) {
		/* Which PMU is the default differs from release to release. Only that one is taken now. */
		same = set_pmu(scratch.vcpu, home.type);
		changed = set_pmu(scratch.vcpu, elsewhere.type);
		said("filter.then-set-pmu-default", same);
		said("filter.then-set-pmu-accepted", (same == 0) + (changed == 0));
		said("filter.then-set-pmu-refused", same == 0 ? changed : same);
	}
	said("filter.then-unknown-type", set_pmu(scratch.vcpu, UNKNOWN_TYPE));
	unmake(&scratch);
}

/* A VM has one PMU, whichever vCPU it is set on. */
static void ask_shared(void)
{
	struct scratch scratch, other;

	if (!home.found || !begin(&scratch, WITH_PMU))
		return;
	add(&scratch, &other, 1, WITH_PMU);
	said("shared.set-pmu", set_pmu(scratch.vcpu, home.type));
	said("shared.filter", set_filter(other.vcpu, CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW));
	said("shared.set-pmu-same", set_pmu(other.vcpu, home.type));
	if (elsewhere.found)
		said("shared.set-pmu-changed", set_pmu(other.vcpu, elsewhere.type));
	forget(&other);
	unmake(&scratch);
}

static void ask_counters(void)
{
	struct scratch scratch;
	u64 most;

	if (!begin(&scratch, WITH_PMU))
		return;
	most = counters_of(scratch.vcpu);
	said("pmcr.n", most);
	write_counters(scratch.vcpu, 31);
	said("pmcr.n-too-large", counters_of(scratch.vcpu) == (most == 31 ? 31 : most));
	write_counters(scratch.vcpu, 0);
	said("pmcr.n-lowered", counters_of(scratch.vcpu));
	unmake(&scratch);
	if (!begin(&scratch, WITH_PMU))
		return;
	if (has(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS) == 0) {
		said("nr-counters.too-many", set_nr_counters(scratch.vcpu, most + 1));
		said("nr-counters.none", set_nr_counters(scratch.vcpu, 0));
		said("nr-counters.none-n", counters_of(scratch.vcpu));
		said("nr-counters.most", set_nr_counters(scratch.vcpu, most));
		said("nr-counters.most-n", counters_of(scratch.vcpu) == most);
		set_nr_counters(scratch.vcpu, 0);
		if (home.found && set_pmu(scratch.vcpu, home.type) == 0)
			said("nr-counters.set-pmu-n", counters_of(scratch.vcpu) == most);
	}
	unmake(&scratch);
}

/* KVM_ARM_VCPU_PMU_V3_STRICT: no default PMU. */
static void ask_strict(void)
{
	struct scratch scratch;

	go_to(home.cpu);
	said("strict.alone", make(&scratch, STRICT & ~WITH_PMU));
	unmake(&scratch);
	if (!begin(&scratch, STRICT))
		return;
	said("strict.n", counters_of(scratch.vcpu));
	said("strict.nr-counters-early", set_nr_counters(scratch.vcpu, 0));
	said("strict.init-early", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
	if (home.found) {
		said("strict.set-pmu", set_pmu(scratch.vcpu, home.type));
		said("strict.init", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
	}
	unmake(&scratch);
}

#endif
