/*
 * kvm-facts TYPE...: asks /dev/kvm what decides a guest's PMU backend, and prints one answer per line.
 *
 *	open 0			or the errno that opening /dev/kvm gave; then nothing follows
 *	api 12			KVM_GET_API_VERSION
 *	cap-pmu-v3 1		KVM_CHECK_EXTENSION(KVM_CAP_ARM_PMU_V3)
 *	cap-el2 0		KVM_CHECK_EXTENSION(KVM_CAP_ARM_EL2): nested virtualisation
 *	gic 3 0			KVM_CREATE_DEVICE, test only: errno by GIC version
 *	vcpu 0			KVM_ARM_VCPU_INIT with the PMU_V3 feature: errno
 *	attribute 3 0		KVM_HAS_DEVICE_ATTR in KVM_ARM_VCPU_PMU_V3_CTRL: errno by attribute
 *	strict 22		KVM_ARM_VCPU_INIT with PMU_V3 and PMU_V3_STRICT: errno
 *	type 10 0		KVM_ARM_VCPU_PMU_V3_SET_PMU: errno by event source type
 *	cpu 1 0			KVM_ARM_VCPU_INIT on that CPU, for each CPU that may be used: errno
 *	end
 *
 * No C library, nothing to link to, so that it runs on any aarch64 Linux.
 */
#include "common/kvm.h"

static long ioctl(long fd, u64 request, u64 argument)
{
	long result;

	do {
		result = SYS(ioctl, fd, request, argument);
	} while (result == -EINTR);
	return result;
}

static char out[1 << 16];
static u32 used;

static void flush(void)
{
	for (u32 sent = 0; sent < used;) {
		long count = SYS(write, 1, out + sent, used - sent);
		if (count <= 0)
			break;
		sent += count;
	}
	used = 0;
}

static void put(const char *text)
{
	while (*text) {
		if (used == sizeof(out))
			flush();
		out[used++] = *text++;
	}
}

static void put_number(u64 value)
{
	char digits[21] = { 0 };

	put(number_before(digits + 20, value));
}

static void line(const char *name, u64 value)
{
	put(name);
	put(" ");
	put_number(value);
	put("\n");
}

static void line2(const char *name, u64 which, u64 value)
{
	put(name);
	put(" ");
	put_number(which);
	line("", value);
}

struct scratch { long vm, vcpu; };

static long kvm;

/* Makes a VM with one vCPU that has the features; returns an errno, 0 when the vCPU is there. */
static u64 make(struct scratch *scratch, u32 features)
{
	struct vcpu_init init = { 0 };
	long bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	long result;

	scratch->vcpu = -1;
	/* Machines with fewer address bits than the default refuse the default. */
	scratch->vm = ioctl(kvm, KVM_CREATE_VM, bits > 0 && bits < 40 ? bits : 0);
	if (scratch->vm < 0)
		return errno_of(scratch->vm);
	scratch->vcpu = ioctl(scratch->vm, KVM_CREATE_VCPU, 0);
	if (scratch->vcpu < 0)
		return errno_of(scratch->vcpu);
	result = ioctl(scratch->vm, KVM_ARM_PREFERRED_TARGET, (u64)&init);
	if (result < 0)
		return errno_of(result);
	init.features[0] = features;
	return errno_of(ioctl(scratch->vcpu, KVM_ARM_VCPU_INIT, (u64)&init));
}

static void unmake(struct scratch *scratch)
{
	if (scratch->vcpu >= 0)
		SYS(close, scratch->vcpu);
	if (scratch->vm >= 0)
		SYS(close, scratch->vm);
}

static int number_of(const char *text, u64 *value)
{
	*value = 0;
	if (!*text)
		return 0;
	for (; *text; text++) {
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

/* KVM's default event source depends on the CPU that makes the vCPU: without one there, it cannot be made. */
static void ask_cpus(void)
{
	static u64 allowed[128], one[128];
	long bytes = SYS(sched_getaffinity, 0, sizeof(allowed), allowed);

	for (long cpu = 0; cpu < bytes * 8; cpu++) {
		struct scratch scratch;

		if (!(allowed[cpu / 64] >> (cpu % 64) & 1))
			continue;
		one[cpu / 64] = 1UL << (cpu % 64);
		if (SYS(sched_setaffinity, 0, sizeof(one), one) == 0) {
			line2("cpu", cpu, make(&scratch, 1 << KVM_ARM_VCPU_PMU_V3));
			unmake(&scratch);
		}
		one[cpu / 64] = 0;
	}
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
	failed = make(&scratch, 1 << KVM_ARM_VCPU_PMU_V3);
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
	ask_cpus();
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
