/*
 * kvm-facts TYPE[=CPUS]...: queries /dev/kvm for what decides a guest's PMU backend, and prints one answer per line. CPUS are
 * the host CPUs of that event source, such as 0-3,8.
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
 *	default 1 3 20017	cycles of a vCPU made on CPU 1 with KVM's default event source, counted by guest code on CPU 3
 *	default-failed 1 22	no count was had of a vCPU made on CPU 1: errno, 62 (ETIME) for guest code that did not end
 *	end
 *
 * It uses no C library and is static, so that it runs on any aarch64 Linux.
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
	/* Machines with fewer address bits than the default reject the default. */
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

/* Counts the cycles of a loop, writes them to unbacked memory, so that KVM exits with the value, and repeats. */
extern const u8 guest_code[], guest_code_end[];
asm(".section .rodata\n.balign 8\n.global guest_code, guest_code_end\nguest_code:\n"
	"\tmov x0, #0x80000000\n\tmov x1, #0x45\n\tmsr pmccfiltr_el0, xzr\n\tmsr pmcntenset_el0, x0\n"
	/* PMCR: enable, reset the cycle counter, 64 bits of it. */
	"\tmsr pmcr_el0, x1\n\tisb\n"
	"\tmov x2, #20000\n1:\tsubs x2, x2, #1\n\tb.ne 1b\n\tisb\n"
	"\tmrs x3, pmccntr_el0\n\tmov x4, #0x10000000\n\tstr x3, [x4]\n\tb guest_code\n"
	"guest_code_end:\n.text\n");

enum { PAGE = 65536, GUEST_ADDRESS = 0x40000000, RUN_SECONDS = 10, ETIME = 62 };

static u8 *guest_page;

struct counted { struct kvm_run *run; u64 run_size; };

/* Makes a scratch vCPU that can run the guest code. @returns an errno */
static u64 prepare(const struct scratch *scratch, struct counted *counted)
{
	struct device_attr init = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, 0 };
	struct memory_region region = { 0, 0, GUEST_ADDRESS, PAGE, (u64)guest_page };
	u64 address = GUEST_ADDRESS;
	struct one_reg pc = { KVM_REG_PC, (u64)&address };
	/* No signal is blocked while the guest runs, so a pending one interrupts it. Without a C library no handler is needed. */
	struct { u32 length, mask[2]; } signals = { 8, { 0, 0 } };
	long result = ioctl(scratch->vcpu, KVM_SET_DEVICE_ATTR, (u64)&init);

	if (result >= 0)
		result = ioctl(scratch->vm, KVM_SET_USER_MEMORY_REGION, (u64)&region);
	if (result >= 0)
		result = ioctl(scratch->vcpu, KVM_SET_ONE_REG, (u64)&pc);
	if (result >= 0)
		result = ioctl(scratch->vcpu, KVM_SET_SIGNAL_MASK, (u64)&signals);
	if (result >= 0)
		result = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (result < 0)
		return errno_of(result);
	counted->run_size = result;
	result = SYS(mmap, 0, counted->run_size, 3 /* read, write */, 1 /* shared */, scratch->vcpu, 0);
	counted->run = (struct kvm_run *)result;
	return result < 0 && result > -4096 ? errno_of(result) : 0;
}

/* Runs the guest code once on the current CPU. @returns an errno; the cycles in `count` */
static u64 run_once(const struct scratch *scratch, const struct counted *counted, u64 *count)
{
	u64 alarm = 1UL << (SIGALRM - 1);
	struct { struct timespec interval, value; } timer = { { 0, 0 }, { RUN_SECONDS, 0 } };
	struct timespec none = { 0, 0 };
	long result;
	int late;

	SYS(setitimer, 0, &timer, 0);
	do {
		result = SYS(ioctl, scratch->vcpu, KVM_RUN, 0);
		late = SYS(rt_sigtimedwait, &alarm, 0, &none, sizeof(alarm)) == SIGALRM;
		/* Without an interrupt controller, KVM also exits to report changed interrupt lines. */
	} while (result == -EINTR && !late);
	timer.value.seconds = 0;
	SYS(setitimer, 0, &timer, 0);
	SYS(rt_sigtimedwait, &alarm, 0, &none, sizeof(alarm));
	if (result < 0)
		return late ? ETIME : errno_of(result);
	if (counted->run->exit_reason != KVM_EXIT_MMIO || counted->run->length != 8)
		return EIO;
	*count = get32(counted->run->data) | (u64)get32(counted->run->data + 4) << 32;
	return 0;
}

enum { CPUS = 8192 };
static u64 allowed[CPUS / 64], one[CPUS / 64];

static long go_to(u32 cpu)
{
	long result;

	one[cpu / 64] = 1UL << (cpu % 64);
	result = SYS(sched_setaffinity, 0, sizeof(one), one);
	one[cpu / 64] = 0;
	return result;
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
	u64 count, failed = prepare(scratch, &counted);

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
	u64 alarm = 1UL << (SIGALRM - 1);

	SYS(sched_getaffinity, 0, sizeof(allowed), allowed);
	SYS(rt_sigprocmask, 0 /* block */, &alarm, 0, sizeof(alarm));
	guest_page = map_memory(2 * PAGE);
	/* Guest memory must be aligned to a host page, of whatever size. */
	guest_page = (u8 *)(((u64)guest_page + PAGE - 1) & ~(u64)(PAGE - 1));
	memcpy(guest_page, guest_code, guest_code_end - guest_code);
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
	ask_cpus(types);
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
