/*
 * kvm-facts TYPE[=CPUS]...: queries /dev/kvm for what decides a guest's PMU backend, and prints one answer per line. CPUS are
 * the host CPUs of that event source, such as 0-3,8.
 *
 *	open 0			or the errno that opening /dev/kvm gave; then nothing follows
 *	api 12			KVM_GET_API_VERSION
 *	cap-pmu-v3 1		KVM_CHECK_EXTENSION(KVM_CAP_ARM_PMU_V3)
 *	cap-el2 0		KVM_CHECK_EXTENSION(KVM_CAP_ARM_EL2): nested virtualisation
 *	gic 3 0			KVM_CREATE_DEVICE, test only: errno by GIC version
 *	vcpu 0			KVM_ARM_VCPU_INIT with the PMU_V3 feature, on some CPU: errno
 *	attribute 3 0		KVM_HAS_DEVICE_ATTR in KVM_ARM_VCPU_PMU_V3_CTRL: errno by attribute
 *	strict 22		KVM_ARM_VCPU_INIT with PMU_V3 and PMU_V3_STRICT: errno
 *	type 10 0		KVM_ARM_VCPU_PMU_V3_SET_PMU: errno by event source type
 *	cpu 1 0			KVM_ARM_VCPU_INIT on that CPU, for each CPU that may be used: errno
 *	default 1 3 20017	cycles of a vCPU made on CPU 1 with KVM's default event source, counted by guest code on CPU 3
 *	default-failed 1 22	no count was had of a vCPU made on CPU 1: errno, 62 (ETIME) for guest code that did not end
 *	fixed 0			FIXED_COUNTERS_ONLY (attribute 5) was set on a scratch vCPU: errno; only if it has the attribute
 *	fixed-pmceid 0		PMCEID0_EL0 of that vCPU, as its guest reads it
 *	fixed-pmcr 1091579904	PMCR_EL0, likewise
 *	fixed-counts 1 20017	cycles of that vCPU, counted by guest code on CPU 1
 *	fixed-failed 22		nothing could be run: errno
 *	end
 *
 * It uses no C library and is static, so that it runs on any aarch64 Linux.
 */
#include "common/vm.h"

static int number_of(const char *text, u64 *value)
{
	*value = 0;
	if (!*text || *text == '=')
		return 0;
	for (; *text && *text != '='; text++) {
		if (*text < '0' || *text > '9' || *value > 0xffffffff)
			return 0;
		*value = *value * 10 + (*text - '0');
	}
	return *value <= 0xffffffff;
}

static void ask_gic(const struct scratch *scratch)
{
	for (u32 version = 2; version <= 3; version++) {
		struct create_device device = {
			version == 2 ? KVM_DEV_TYPE_ARM_VGIC_V2 : KVM_DEV_TYPE_ARM_VGIC_V3, 0, KVM_CREATE_DEVICE_TEST
		};
		line2("gic", version, errno_of(ioctl(scratch->vm, KVM_CREATE_DEVICE, (u64)&device)));
	}
}

static void ask_attributes(const struct scratch *scratch)
{
	for (u64 attribute = 0; attribute <= 7; attribute++) {
		struct device_attr device_attr = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, attribute, 0 };
		line2("attribute", attribute, errno_of(ioctl(scratch->vcpu, KVM_HAS_DEVICE_ATTR, (u64)&device_attr)));
	}
}

static void ask_types(const struct scratch *scratch, char **types)
{
	for (; *types; types++) {
		u64 value;
		u32 type;
		struct device_attr device_attr = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_SET_PMU, (u64)&type };

		if (!number_of(*types, &value))
			continue;
		type = (u32)value;
		line2("type", type, errno_of(ioctl(scratch->vcpu, KVM_SET_DEVICE_ATTR, (u64)&device_attr)));
	}
}

/* Measure only the first of the CPUs that the same event sources cover. */
static u64 covered_by[CPUS];
static u32 telling[64], telling_count;

static void read_list(const char *list, u64 bit)
{
	u64 first = 0, number = 0;

	for (;; list++) {
		if (*list >= '0' && *list <= '9') {
			if (number < CPUS)
				number = number * 10 + (*list - '0');
			continue;
		}
		if (*list == '-') {
			first = number + 1;
		} else {
			for (u64 cpu = first ? first - 1 : number; cpu <= number && cpu < CPUS; cpu++)
				covered_by[cpu] |= bit;
			first = 0;
		}
		number = 0;
		if (!*list)
			return;
	}
}

static void find_telling(char **types)
{
	for (u32 index = 0; types[index] && index < 64; index++) {
		const char *list = types[index];

		while (*list && *list != '=')
			list++;
		if (list[0] && list[1])
			read_list(list + 1, 1UL << index);
	}
	for (u32 cpu = 0; cpu < CPUS && telling_count < 64; cpu++) {
		u32 at = 0;

		if (!(allowed[cpu / 64] >> (cpu % 64) & 1))
			continue;
		while (at < telling_count && covered_by[telling[at]] != covered_by[cpu])
			at++;
		if (at == telling_count)
			telling[telling_count++] = cpu;
	}
}

/* Measures where a vCPU that was made here counts, which identifies KVM's default event source. */
static void ask_default(const struct scratch *scratch, u32 made_on)
{
	struct counted counted = { 0, 0 };
	u64 count, failed = prepare(scratch, &counted, guest_code);

	for (u32 at = 0; !failed && at <= telling_count; at++) {
		u32 cpu = at == 0 ? made_on : telling[at - 1];

		if ((at > 0 && cpu == made_on) || go_to(cpu) < 0)
			continue;
		failed = run_once(scratch, &counted, &count);
		if (failed)
			break;
		put("default ");
		put_number(made_on);
		line2("", cpu, count);
	}
	if (failed)
		line2("default-failed", made_on, failed);
	if (counted.run_size)
		SYS(munmap, counted.run, counted.run_size);
}

/* KVM's default event source depends on the CPU that makes the vCPU: if that CPU has none, the vCPU cannot be made. */
static void ask_cpus(char **types)
{
	prepare_guest_code();
	find_telling(types);
	for (u32 cpu = 0; cpu < CPUS; cpu++) {
		struct scratch scratch;
		u64 failed;

		if (!(allowed[cpu / 64] >> (cpu % 64) & 1) || go_to(cpu) < 0)
			continue;
		failed = make(&scratch, 1 << KVM_ARM_VCPU_PMU_V3);
		line2("cpu", cpu, failed);
		if (!failed)
			ask_default(&scratch, cpu);
		unmake(&scratch);
	}
}

/*
 * Makes a vCPU with a PMU here, or on the first CPU where one can be made. The process stays there: on a host where only some
 * CPUs have a PMU, the answers must not depend on the CPU that the process happened to start on.
 */
static u64 make_somewhere(struct scratch *scratch)
{
	u64 failed = make(scratch, 1 << KVM_ARM_VCPU_PMU_V3);

	for (u32 cpu = 0; failed && cpu < CPUS; cpu++) {
		if (!(allowed[cpu / 64] >> (cpu % 64) & 1) || go_to(cpu) < 0)
			continue;
		unmake(scratch);
		failed = make(scratch, 1 << KVM_ARM_VCPU_PMU_V3);
	}
	return failed;
}

/* What a vCPU with the fixed counters alone shows its guest, and where it counts: it follows the vCPU from one event source to another. */
static void ask_fixed(void)
{
	struct device_attr fixed = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY, 0 };
	struct counted counted = { 0, 0 };
	struct scratch scratch = { -1, -1 };
	u64 value, failed;

	if (make_somewhere(&scratch)) {
		unmake(&scratch);
		return;
	}
	if (ioctl(scratch.vcpu, KVM_HAS_DEVICE_ATTR, (u64)&fixed) >= 0) {
		failed = errno_of(ioctl(scratch.vcpu, KVM_SET_DEVICE_ATTR, (u64)&fixed));
		line("fixed", failed);
		if (!failed)
			failed = prepare(&scratch, &counted, guest_identify);
		if (!failed)
			failed = run_once(&scratch, &counted, &value);
		if (!failed) {
			line("fixed-pmceid", value);
			failed = run_once(&scratch, &counted, &value);
		}
		if (!failed)
			line("fixed-pmcr", value);
		for (u32 at = 0; !failed && at < telling_count; at++) {
			if (go_to(telling[at]) < 0)
				continue;
			failed = run_once(&scratch, &counted, &value);
			if (!failed)
				line2("fixed-counts", telling[at], value);
		}
		if (failed)
			line("fixed-failed", failed);
		if (counted.run_size)
			SYS(munmap, counted.run, counted.run_size);
	}
	unmake(&scratch);
}

static void ask(char **types)
{
	struct scratch scratch;
	u64 failed;

	kvm = SYS(openat, AT_FDCWD, "/dev/kvm", O_RDWR | O_CLOEXEC);
	line("open", errno_of(kvm));
	if (kvm < 0)
		return;
	line("api", ioctl(kvm, KVM_GET_API_VERSION, 0));
	line("cap-pmu-v3", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PMU_V3) > 0);
	line("cap-el2", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_EL2) > 0);
	SYS(sched_getaffinity, 0, sizeof(allowed), allowed);
	failed = make_somewhere(&scratch);
	line("vcpu", failed);
	if (scratch.vm >= 0)
		ask_gic(&scratch);
	if (!failed) {
		ask_attributes(&scratch);
		ask_types(&scratch, types);
	}
	unmake(&scratch);
	line("strict", make(&scratch, 1 << KVM_ARM_VCPU_PMU_V3 | 1 << KVM_ARM_VCPU_PMU_V3_STRICT));
	unmake(&scratch);
	ask_cpus(types);
	ask_fixed();
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
