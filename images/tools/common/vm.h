/*
 * Scratch VMs for programs that query KVM on a host: made, configured, run on the CPU that is asked for, and what they answer
 * printed as lines of words. Included once, by a program.
 */
#ifndef VPMU_VM_H
#define VPMU_VM_H
#include "kvm.h"

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

__attribute__((unused)) static void line2(const char *name, u64 which, u64 value)
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

/*
 * guest_identify writes PMCEID0 and PMCR to unbacked memory, so that KVM exits with each value, and goes on as guest_code:
 * counts the cycles of a loop, writes them likewise, and repeats.
 */
extern const u8 guest_identify[], guest_code[], guest_code_end[];
asm(".section .rodata\n.balign 8\n.global guest_identify, guest_code, guest_code_end\nguest_identify:\n"
	"\tmov x4, #0x10000000\n\tmrs x3, pmceid0_el0\n\tstr x3, [x4]\n\tmrs x3, pmcr_el0\n\tstr x3, [x4]\n"
	"guest_code:\n"
	"\tmov x0, #0x80000000\n\tmov x1, #0x45\n\tmsr pmccfiltr_el0, xzr\n\tmsr pmcntenset_el0, x0\n"
	/* PMCR: enable, reset the cycle counter, 64 bits of it. */
	"\tmsr pmcr_el0, x1\n\tisb\n"
	"\tmov x2, #20000\n1:\tsubs x2, x2, #1\n\tb.ne 1b\n\tisb\n"
	"\tmrs x3, pmccntr_el0\n\tmov x4, #0x10000000\n\tstr x3, [x4]\n\tb guest_code\n"
	"guest_code_end:\n.text\n");

enum { PAGE = 65536, GUEST_ADDRESS = 0x40000000, RUN_SECONDS = 10, ETIME = 62 };

static u8 *guest_page;

struct counted { struct kvm_run *run; u64 run_size; };

/* Makes room for the guest code, and blocks the signal that ends it when it hangs. */
static void prepare_guest_code(void)
{
	u64 alarm = 1UL << (SIGALRM - 1);

	SYS(rt_sigprocmask, 0 /* block */, &alarm, 0, sizeof(alarm));
	guest_page = map_memory(2 * PAGE);
	/* Guest memory must be aligned to a host page, of whatever size. */
	guest_page = (u8 *)(((u64)guest_page + PAGE - 1) & ~(u64)(PAGE - 1));
	memcpy(guest_page, guest_identify, guest_code_end - guest_identify);
}

/* Makes a scratch vCPU that can run the guest code from `start` on. @returns an errno */
static u64 prepare(const struct scratch *scratch, struct counted *counted, const u8 *start)
{
	struct device_attr init = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, 0 };
	struct memory_region region = { 0, 0, GUEST_ADDRESS, PAGE, (u64)guest_page };
	u64 address = GUEST_ADDRESS + (start - guest_identify);
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

#endif
