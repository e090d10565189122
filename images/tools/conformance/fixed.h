/* Attribute 5 of the posted series that gives a guest the fixed counters alone, on every PMU of the host. */
#ifndef VPMU_FIXED_H
#define VPMU_FIXED_H
#include "running.h"

enum { FIXED = KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY };

static void ask_fixed_orders(void)
{
	struct scratch scratch;
	u64 answer;

	if (!begin(&scratch, WITH_PMU))
		return;
	said("fixed.set", set(scratch.vcpu, FIXED, 0));
	said("fixed.get", get(scratch.vcpu, FIXED, 0));
	said("fixed.again", set(scratch.vcpu, FIXED, 0));
	said("fixed.n", counters_of(scratch.vcpu));
	write_counters(scratch.vcpu, 1);
	said("fixed.n-raised", counters_of(scratch.vcpu));
	if (home.found) {
		answer = set_pmu(scratch.vcpu, home.type);
		said("fixed.then-set-pmu", answer);
		said("fixed.get-after-set-pmu", get(scratch.vcpu, FIXED, 0));
		said("fixed.n-after-set-pmu", counters_of(scratch.vcpu) > 0);
	}
	unmake(&scratch);
	if (home.found && begin(&scratch, WITH_PMU)) {
		set_pmu(scratch.vcpu, home.type);
		said("fixed.after-set-pmu", set(scratch.vcpu, FIXED, 0));
		unmake(&scratch);
	}
	if (begin(&scratch, WITH_PMU)) {
		set(scratch.vcpu, FIXED, 0);
		said("fixed.then-filter", set_filter(scratch.vcpu, CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW));
		unmake(&scratch);
	}
	if (begin(&scratch, WITH_PMU)) {
		set_filter(scratch.vcpu, CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW);
		said("fixed.after-filter", set(scratch.vcpu, FIXED, 0));
		unmake(&scratch);
	}
}

static void ask_fixed_run(void)
{
	struct scratch scratch;
	struct counted counted = { 0, 0 };
	u64 value;

	if (!begin(&scratch, WITH_PMU))
		return;
	if (set(scratch.vcpu, FIXED, 0) == 0 && prepare(&scratch, &counted, guest_identify) == 0 &&
	    ran(&scratch, &counted, "fixed.pmceid0", &value)) {
		said("fixed.pmceid0", value & 0xffffffff);
		if (ran(&scratch, &counted, "fixed.run-n", &value))
			said("fixed.run-n", counters_in(value));
		say_run(&scratch, &counted, "fixed.counts");
		jump(&scratch, read_on);
		say_growth(&scratch, &counted, "fixed.goes-on");
		if (elsewhere.found && go_to(elsewhere.cpu) >= 0) {
			say_growth(&scratch, &counted, "fixed.moved");
			go_to(home.cpu);
			say_growth(&scratch, &counted, "fixed.moved-back");
		}
		said("fixed.reset", init_vcpu(&scratch, WITH_PMU));
		said("fixed.reset-n", counters_of(scratch.vcpu));
		write_register(scratch.vcpu, KVM_REG_PC, GUEST_ADDRESS + (guest_code - guest_identify));
		say_run(&scratch, &counted, "fixed.reset-counts");
	}
	done(&counted);
	unmake(&scratch);
}

/* Another posted series has attribute 5 too, with an argument: it refuses NULL. */
static void ask_fixed_counters(void)
{
	struct scratch scratch;
	u64 meant = 0;

	if (!begin(&scratch, WITH_PMU))
		return;
	if (has(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, FIXED) == 0)
		meant = set(scratch.vcpu, FIXED, 0) != EFAULT;
	unmake(&scratch);
	line("fixed", meant);
	if (!meant)
		return;
	ask_fixed_orders();
	ask_fixed_run();
}

#endif
