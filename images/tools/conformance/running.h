/* What only a vCPU that runs guest code shows. */
#ifndef VPMU_RUNNING_H
#define VPMU_RUNNING_H
#include "ask.h"

/*
 * Guest code, each piece at an offset of its own in the guest's page. All write a value to unbacked memory, so that KVM exits with it.
 * read_on: the cycle counter, again and again, without touching what controls it. el1_filtered: cycles with EL1 excluded.
 * stopped: disables the PMU. overflowed: waits until the cycle counter, set to just below its end, has overflowed. incremented: an event counter of SW_INCR.
 */
extern const u8 read_on[], stopped[], el1_filtered[], overflowed[], incremented[], pieces_end[];
asm(".section .rodata\n.balign 8\n.global read_on, stopped, el1_filtered, overflowed, incremented, pieces_end\nread_on:\n"
	"\tmov x4, #0x10000000\n1:\tmrs x3, pmccntr_el0\n\tstr x3, [x4]\n"
	"\tmov x2, #20000\n2:\tsubs x2, x2, #1\n\tb.ne 2b\n\tisb\n\tb 1b\n"
	"stopped:\n"
	"\tmov x4, #0x10000000\n\tmsr pmcr_el0, xzr\n\tisb\n\tstr xzr, [x4]\n\tb stopped\n"
	"el1_filtered:\n"
	"\tmov x0, #0x80000000\n\tmov x1, #0x45\n\tmsr pmccfiltr_el0, x0\n\tmsr pmcntenset_el0, x0\n\tmsr pmcr_el0, x1\n\tisb\n"
	"\tmov x2, #20000\n3:\tsubs x2, x2, #1\n\tb.ne 3b\n\tisb\n"
	"\tmrs x3, pmccntr_el0\n\tmov x4, #0x10000000\n\tstr x3, [x4]\n\tb el1_filtered\n"
	"overflowed:\n"
	"\tmov x0, #0x80000000\n\tmov x1, #0x41\n\tmov x5, #-256\n\tmov x6, #0x40\n\tmsr pmcr_el0, x6\n\tisb\n\tmsr pmccfiltr_el0, xzr\n\tmsr pmovsclr_el0, x0\n"
	"\tmsr pmccntr_el0, x5\n\tmsr pmcntenset_el0, x0\n\tmsr pmcr_el0, x1\n\tisb\n"
	"4:\tmrs x3, pmovsset_el0\n\ttbz x3, #31, 4b\n\tmov x4, #0x10000000\n\tstr x3, [x4]\n\tb overflowed\n"
	"incremented:\n"
	"\tmov x0, #1\n\tmov x1, #0x43\n\tmsr pmevtyper0_el0, xzr\n\tmsr pmcntenset_el0, x0\n\tmsr pmcr_el0, x1\n\tisb\n"
	"\tmsr pmswinc_el0, x0\n\tmsr pmswinc_el0, x0\n\tmsr pmswinc_el0, x0\n\tisb\n"
	"\tmrs x3, pmevcntr0_el0\n\tmov x4, #0x10000000\n\tstr x3, [x4]\n\tb incremented\n"
	"pieces_end:\n.text\n");
enum { PIECES = 4096 };

static void prepare_pieces(void)
{
	prepare_guest_code();
	memcpy(guest_page + PIECES, read_on, pieces_end - read_on);
}

static void jump(const struct scratch *scratch, const u8 *piece)
{
	write_register(scratch->vcpu, KVM_REG_PC, GUEST_ADDRESS + PIECES + (piece - read_on));
}

static void done(struct counted *counted)
{
	if (counted->run_size)
		SYS(munmap, counted->run, counted->run_size);
	counted->run_size = 0;
}

/* Says what a run of the vCPU gave: its value, or under the name with `-failed` the errno. @returns whether it gave one */
static int ran(const struct scratch *scratch, const struct counted *counted, const char *id, u64 *value)
{
	u64 failed = run_once(scratch, counted, value);

	if (!failed)
		return 1;
	put("failed ");
	line(id, failed);
	return 0;
}

static void say_run(const struct scratch *scratch, const struct counted *counted, const char *id)
{
	u64 value;

	if (ran(scratch, counted, id, &value))
		said(id, value);
}

/*
 * Stops what a vCPU counts. Here all vCPUs run in one thread, so what one counts is a pinned event of the next one's thread too, and
 * three may be more than the host has counters for.
 */
static void stop(const struct scratch *scratch, const struct counted *counted)
{
	u64 value;

	jump(scratch, stopped);
	run_once(scratch, counted, &value);
}

/* Says by how much the cycle counter grows while nothing touches what controls it. */
static void say_growth(const struct scratch *scratch, const struct counted *counted, const char *id)
{
	u64 first, second;

	if (ran(scratch, counted, id, &first) && ran(scratch, counted, id, &second))
		said(id, second - first);
}

/* Says why a vCPU did not enter the guest on a CPU that its PMU does not cover: the exit reason. */
static void say_refusal(const struct scratch *scratch, const struct counted *counted, const char *id)
{
	u64 value, failed;

	if (!elsewhere.found || go_to(elsewhere.cpu) < 0)
		return;
	failed = run_once(scratch, counted, &value);
	if (failed && failed != EIO) {
		put("failed ");
		line(id, failed);
	} else {
		said(id, counted->run->exit_reason);
	}
	go_to(home.cpu);
}

static void ask_other_after_run(const struct scratch *other)
{
	u64 counters = counters_of(other->vcpu);

	for (u32 attribute = 0; attribute < ATTRIBUTES; attribute++)
		if (attribute > KVM_ARM_VCPU_PMU_V3_INIT)
			said_of("after-run", attribute_names[attribute], set_rightly(other->vcpu, attribute));
	said("after-run.set-pmu-unknown", set_pmu(other->vcpu, UNKNOWN_TYPE));
	set_nr_counters(other->vcpu, counters);
	write_counters(other->vcpu, 0);
	said("after-run.pmcr-n", counters_of(other->vcpu) == counters);
}

/* A vCPU that runs, one that was there before and is set up after it ran, and one that is made then. */
static void ask_first_run(void)
{
	struct scratch scratch, other, late;
	struct counted counted = { 0, 0 }, others = { 0, 0 }, lates = { 0, 0 };
	u64 value, chosen = 0;

	if (!begin(&scratch, WITH_PMU))
		return;
	add(&scratch, &other, 1, WITH_PMU);
	if (home.found)
		chosen = set_pmu(scratch.vcpu, home.type) == 0;
	said("run.before-init", run_once(&scratch, &counted, &value));
	said("run.init", prepare(&scratch, &counted, guest_identify));
	if (counted.run_size && ran(&scratch, &counted, "run.pmceid0", &value)) {
		said("run.pmceid0", value & 0xffffffff);
		if (ran(&scratch, &counted, "run.n", &value))
			said("run.n", counters_in(value));
		say_run(&scratch, &counted, "run.counts");
		jump(&scratch, read_on);
		say_growth(&scratch, &counted, "run.goes-on");
		stop(&scratch, &counted);
		ask_other_after_run(&other);
		said("after-run.init", prepare(&other, &others, guest_code));
		if (others.run_size) {
			say_run(&other, &others, "shared.counts");
			if (chosen)
				say_refusal(&other, &others, "shared.outside");
			stop(&other, &others);
		}
		said("late.vcpu", add(&scratch, &late, 2, WITH_PMU));
		if (late.vcpu >= 0) {
			if (home.found)
				said("late.set-pmu", set_pmu(late.vcpu, home.type));
			said("late.init", prepare(&late, &lates, guest_code));
			if (lates.run_size) {
				say_run(&late, &lates, "late.counts");
				if (chosen)
					say_refusal(&late, &lates, "late.outside");
			}
		}
		done(&lates);
		forget(&late);
	}
	done(&others);
	done(&counted);
	forget(&other);
	unmake(&scratch);
}

static void ask_reset(void)
{
	struct scratch scratch;
	struct counted counted = { 0, 0 };
	u64 value, counters;

	if (!begin(&scratch, WITH_PMU))
		return;
	if (prepare(&scratch, &counted, guest_code) == 0 && ran(&scratch, &counted, "reset.before", &value)) {
		counters = counters_of(scratch.vcpu);
		said("reset.other-features", init_vcpu(&scratch, 0));
		said("reset.vcpu-init", init_vcpu(&scratch, WITH_PMU));
		said("reset.enable", register_of(scratch.vcpu, KVM_REG_PMCR) & 1);
		said("reset.n", counters_of(scratch.vcpu) == counters);
		jump(&scratch, read_on);
		say_growth(&scratch, &counted, "reset.stands");
		said("reset.init", set(scratch.vcpu, KVM_ARM_VCPU_PMU_V3_INIT, 0));
		if (home.found)
			said("reset.set-pmu", set_pmu(scratch.vcpu, home.type));
		write_register(scratch.vcpu, KVM_REG_PC, GUEST_ADDRESS + (guest_code - guest_identify));
		say_run(&scratch, &counted, "reset.counts");
	}
	done(&counted);
	unmake(&scratch);
}

/* What a guest counts with a filter in place. */
static void ask_filtered(u32 event, u32 action, const char *pmceid, const char *counts)
{
	struct scratch scratch;
	struct counted counted = { 0, 0 };
	u64 value;

	if (!begin(&scratch, WITH_PMU))
		return;
	if (set_filter(scratch.vcpu, event, 1, action) == 0 && prepare(&scratch, &counted, guest_identify) == 0 &&
	    ran(&scratch, &counted, pmceid, &value)) {
		/* Events beyond these 32 are in the upper half, which not every PMU has. */
		said(pmceid, action == KVM_PMU_EVENT_DENY ? value >> event & 1 : value & 0xffffffff & ~(1UL << event));
		if (ran(&scratch, &counted, counts, &value))
			say_run(&scratch, &counted, counts);
	}
	done(&counted);
	unmake(&scratch);
}

static void ask_piece(const u8 *piece, const char *id)
{
	struct scratch scratch;
	struct counted counted = { 0, 0 };

	if (!begin(&scratch, WITH_PMU))
		return;
	if (prepare(&scratch, &counted, guest_code) == 0) {
		jump(&scratch, piece);
		say_run(&scratch, &counted, id);
	}
	done(&counted);
	unmake(&scratch);
}

/* KVM's default PMU is that of the CPU that makes the vCPU. It does not follow the vCPU. */
static void ask_default_pmu(void)
{
	struct scratch scratch;
	struct counted counted = { 0, 0 };

	if (!begin(&scratch, WITH_PMU))
		return;
	if (prepare(&scratch, &counted, guest_code) == 0) {
		say_run(&scratch, &counted, "default.counts");
		if (elsewhere.found && go_to(elsewhere.cpu) >= 0)
			say_run(&scratch, &counted, "default.elsewhere");
	}
	done(&counted);
	unmake(&scratch);
}

#endif
