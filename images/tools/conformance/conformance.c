/*
 * kvm-conformance TYPE=CPUS...: asks KVM's interface to a vCPU's PMU, without QEMU, each attribute in each order, and what guest
 * code sees and counts. Every VM is a scratch one. CPUS are the host CPUs of that event source, such as 0-3,8. It prints:
 *
 *	open 0				or the errno that opening /dev/kvm gave; then nothing follows
 *	cap-pmu-v3 1			KVM_CHECK_EXTENSION(KVM_CAP_ARM_PMU_V3); after 0 nothing follows
 *	home 10 0			type and first CPU of the first PMU that SET_PMU takes
 *	elsewhere 11 2			the same of another PMU that does not cover that CPU
 *	check set-pmu.first 0		an answer by the name of its check: an errno, a register or a count
 *	failed run.counts 62		guest code that should have given it could not be run, or did not end (62, ETIME): errno
 *	fixed 0				whether attribute 5 is that of the fixed counters
 *	end
 *
 * The program only asks. src/pmu/conformance holds the rules that the answers are compared with.
 * It uses no C library and is static, so that it runs on any aarch64 Linux.
 */
#include "ask.h"
#include "attributes.h"
#include "fixed.h"
#include "running.h"

static const char *number_at(const char *text, u64 *value)
{
	for (*value = 0; *text >= '0' && *text <= '9' && *value < 1UL << 32; text++)
		*value = *value * 10 + (*text - '0');
	return text;
}

static int covers(const char *list, u64 cpu)
{
	while (*list >= '0' && *list <= '9') {
		u64 first, last;

		list = number_at(list, &first);
		last = first;
		if (*list == '-')
			list = number_at(list + 1, &last);
		if (cpu >= first && cpu <= last)
			return 1;
		if (*list == ',')
			list++;
	}
	return 0;
}

/* Whether a vCPU can be made on one of the CPUs, and takes the type. */
static int is_taken(u64 type, const char *list, u32 *taken_on)
{
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		struct scratch scratch;
		u64 failed;

		if (!(allowed[cpu / 64] >> (cpu % 64) & 1) || !covers(list, cpu) || go_to(cpu) < 0)
			continue;
		failed = make(&scratch, WITH_PMU);
		if (!failed)
			failed = set_pmu(scratch.vcpu, type);
		unmake(&scratch);
		*taken_on = cpu;
		return failed == 0;
	}
	return 0;
}

static void find_pmus(char **types)
{
	const char *home_list = "";

	for (; *types; types++) {
		u64 type;
		u32 cpu = 0;
		const char *list = number_at(*types, &type);

		if (*list++ != '=' || !is_taken(type, list, &cpu))
			continue;
		if (!home.found) {
			home = (struct pmu){ type, cpu, 1 };
			home_list = list;
		} else if (!covers(list, home.cpu) && !covers(home_list, cpu)) {
			elsewhere = (struct pmu){ type, cpu, 1 };
			break;
		}
	}
	if (home.found)
		line2("home", home.type, home.cpu);
	if (elsewhere.found)
		line2("elsewhere", elsewhere.type, elsewhere.cpu);
}

/* Without SET_PMU, any CPU on which a vCPU with a PMU can be made will do. */
static void find_home(void)
{
	for (u32 cpu = 0; cpu < CPUS && !home.found; cpu++) {
		struct scratch scratch;
		u64 failed;

		if (!(allowed[cpu / 64] >> (cpu % 64) & 1) || go_to(cpu) < 0)
			continue;
		failed = make(&scratch, WITH_PMU);
		unmake(&scratch);
		home.cpu = cpu;
		if (!failed)
			return;
	}
}

static void ask(char **types)
{
	struct scratch scratch;
	u64 pmu, failed;

	kvm = SYS(openat, AT_FDCWD, "/dev/kvm", O_RDWR | O_CLOEXEC);
	line("open", errno_of(kvm));
	if (kvm < 0)
		return;
	pmu = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PMU_V3) > 0;
	line("cap-pmu-v3", pmu);
	if (!pmu)
		return;
	SYS(sched_getaffinity, 0, sizeof(allowed), allowed);
	prepare_pieces();
	find_pmus(types);
	find_home();
	failed = make(&scratch, WITH_PMU);
	unmake(&scratch);
	said("vcpu.init", failed);
	if (failed)
		return;
	ask_without_feature();
	ask_presence();
	ask_irq();
	ask_spi();
	ask_set_pmu();
	ask_filter();
	ask_shared();
	ask_counters();
	ask_strict();
	ask_first_run();
	ask_reset();
	ask_filtered(CPU_CYCLES, KVM_PMU_EVENT_DENY, "filter.denied-listed", "filter.denied-counts");
	ask_filtered(INST_RETIRED, KVM_PMU_EVENT_ALLOW, "filter.others-listed", "filter.others-count");
	ask_piece(el1_filtered, "count.el1-excluded");
	ask_piece(overflowed, "count.overflow");
	ask_piece(incremented, "count.sw-incr");
	ask_default_pmu();
	ask_fixed_counters();
}

__attribute__((used, noreturn)) void start(u64 *stack)
{
	u64 count = stack[0];

	ask((char **)(stack + 1) + (count > 0 ? 1 : 0));
	put("end\n");
	flush();
	SYS(exit_group, 0);
	__builtin_unreachable();
}
