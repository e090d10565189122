/*
 * What every part of kvm-conformance needs: the host's PMUs, scratch VMs with several vCPUs, attributes and registers of a
 * vCPU, and lines of answers.
 */
#ifndef VPMU_ASK_H
#define VPMU_ASK_H
#include "../common/vm.h"

enum { UNKNOWN_ATTRIBUTE = 63, UNKNOWN_GROUP = 99, UNKNOWN_TYPE = 0x7ffffffe, CPU_CYCLES = 0x11, INST_RETIRED = 0x08, PPI = 23, SPI = 40 };
enum { WITH_PMU = 1 << KVM_ARM_VCPU_PMU_V3, STRICT = WITH_PMU | 1 << KVM_ARM_VCPU_PMU_V3_STRICT };

static const char *const attribute_names[] = { "irq", "init", "filter", "set-pmu", "nr-counters", "fixed" };
enum { ATTRIBUTES = sizeof(attribute_names) / sizeof(*attribute_names) };

/* The first CPU of the first PMU that SET_PMU takes, and of the next one that does not cover that CPU. */
struct pmu { u32 type, cpu; int found; };
static struct pmu home, elsewhere;

static void said(const char *id, u64 value)
{
	put("check ");
	line(id, value);
}

static void said_of(const char *group, const char *name, u64 value)
{
	put("check ");
	put(group);
	put(".");
	line(name, value);
}

static u64 set(long vcpu, u64 attribute, const void *value)
{
	struct device_attr device_attr = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, attribute, (u64)value };

	return errno_of(ioctl(vcpu, KVM_SET_DEVICE_ATTR, (u64)&device_attr));
}

static u64 get(long vcpu, u64 attribute, void *value)
{
	struct device_attr device_attr = { 0, KVM_ARM_VCPU_PMU_V3_CTRL, attribute, (u64)value };

	return errno_of(ioctl(vcpu, KVM_GET_DEVICE_ATTR, (u64)&device_attr));
}

static u64 has(long vcpu, u32 group, u64 attribute)
{
	struct device_attr device_attr = { 0, group, attribute, 0 };

	return errno_of(ioctl(vcpu, KVM_HAS_DEVICE_ATTR, (u64)&device_attr));
}

static u64 set_irq(long vcpu, u32 irq) { return set(vcpu, KVM_ARM_VCPU_PMU_V3_IRQ, &irq); }
static u64 set_pmu(long vcpu, u32 type) { return set(vcpu, KVM_ARM_VCPU_PMU_V3_SET_PMU, &type); }
static u64 set_nr_counters(long vcpu, u32 count) { return set(vcpu, KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS, &count); }

static u64 set_filter(long vcpu, u32 base, u32 count, u32 action)
{
	struct event_filter filter = { (u16)base, (u16)count, (u8)action, { 0, 0, 0 } };

	return set(vcpu, KVM_ARM_VCPU_PMU_V3_FILTER, &filter);
}

/* Sets an attribute to a value that is right for it. */
static u64 set_rightly(long vcpu, u64 attribute)
{
	switch (attribute) {
	case KVM_ARM_VCPU_PMU_V3_IRQ: return set_irq(vcpu, PPI);
	case KVM_ARM_VCPU_PMU_V3_FILTER: return set_filter(vcpu, CPU_CYCLES, 1, KVM_PMU_EVENT_ALLOW);
	case KVM_ARM_VCPU_PMU_V3_SET_PMU: return set_pmu(vcpu, home.type);
	case KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS: return set_nr_counters(vcpu, 0);
	default: return set(vcpu, attribute, 0);
	}
}

static u64 register_of(long vcpu, u64 id)
{
	u64 value = 0;
	struct one_reg one_reg = { id, (u64)&value };

	ioctl(vcpu, KVM_GET_ONE_REG, (u64)&one_reg);
	return value;
}

static u64 write_register(long vcpu, u64 id, u64 value)
{
	struct one_reg one_reg = { id, (u64)&value };

	return errno_of(ioctl(vcpu, KVM_SET_ONE_REG, (u64)&one_reg));
}

/* PMCR_EL0.N: the number of event counters. */
static u64 counters_in(u64 pmcr) { return pmcr >> 11 & 31; }
static u64 counters_of(long vcpu) { return counters_in(register_of(vcpu, KVM_REG_PMCR)); }

static void write_counters(long vcpu, u64 count)
{
	write_register(vcpu, KVM_REG_PMCR, (register_of(vcpu, KVM_REG_PMCR) & ~(31UL << 11)) | count << 11);
}

static u64 init_vcpu(const struct scratch *scratch, u32 features)
{
	struct vcpu_init init = { 0 };

	ioctl(scratch->vm, KVM_ARM_PREFERRED_TARGET, (u64)&init);
	init.features[0] = features;
	return errno_of(ioctl(scratch->vcpu, KVM_ARM_VCPU_INIT, (u64)&init));
}

/* Makes a VM with a vCPU on the first PMU's CPU. @returns whether there is one */
static int begin(struct scratch *scratch, u32 features)
{
	go_to(home.cpu);
	if (make(scratch, features) == 0)
		return 1;
	unmake(scratch);
	return 0;
}

/* Adds a vCPU to a VM. @returns an errno */
static u64 add(const struct scratch *scratch, struct scratch *other, u32 number, u32 features)
{
	other->vm = scratch->vm;
	other->vcpu = ioctl(scratch->vm, KVM_CREATE_VCPU, number);
	return other->vcpu < 0 ? errno_of(other->vcpu) : init_vcpu(other, features);
}

static void forget(const struct scratch *other)
{
	if (other->vcpu >= 0)
		SYS(close, other->vcpu);
}

/* Gives a VM an interrupt controller. @returns it, or a negative errno */
static long make_gic(const struct scratch *scratch)
{
	for (u32 type = KVM_DEV_TYPE_ARM_VGIC_V3; type >= KVM_DEV_TYPE_ARM_VGIC_V2; type -= 2) {
		struct create_device device = { type, 0, 0 };

		if (ioctl(scratch->vm, KVM_CREATE_DEVICE, (u64)&device) >= 0)
			return device.fd;
	}
	return -ENXIO;
}

static u64 start_gic(long gic)
{
	struct device_attr init = { 0, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0 };

	return errno_of(ioctl(gic, KVM_SET_DEVICE_ATTR, (u64)&init));
}

#endif
