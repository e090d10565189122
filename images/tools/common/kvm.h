/*
 * The used part of the /dev/kvm interface: numbers and structures of Linux's uapi headers (linux/kvm.h, asm/kvm.h of arm64), which
 * are stable for user space.
 */
#ifndef VPMU_KVM_H
#define VPMU_KVM_H
#include "sys.h"

struct vcpu_init { u32 target; u32 features[7]; };
struct create_device { u32 type, fd, flags; };
struct device_attr { u32 flags, group; u64 attr, addr; };
struct memory_region { u32 slot, flags; u64 guest_address, size, address; };
struct one_reg { u64 id, address; };
struct event_filter { u16 base_event, event_count; u8 action, padding[3]; };
/* The beginning of struct kvm_run, and of its union the answer to KVM_EXIT_MMIO. */
struct kvm_run { u8 request_interrupt_window, immediate_exit, padding[6]; u32 exit_reason, flags; u64 unused[2]; u64 physical; u8 data[8]; u32 length; };

#define KVM_IO(direction, number, size) ((u64)(direction) << 30 | (u64)(size) << 16 | 0xae00 | (number))
#define KVM_GET_API_VERSION KVM_IO(0, 0x00, 0)
#define KVM_CREATE_VM KVM_IO(0, 0x01, 0)
#define KVM_CHECK_EXTENSION KVM_IO(0, 0x03, 0)
#define KVM_GET_VCPU_MMAP_SIZE KVM_IO(0, 0x04, 0)
#define KVM_CREATE_VCPU KVM_IO(0, 0x41, 0)
#define KVM_SET_USER_MEMORY_REGION KVM_IO(1, 0x46, sizeof(struct memory_region))
#define KVM_RUN KVM_IO(0, 0x80, 0)
#define KVM_SET_SIGNAL_MASK KVM_IO(1, 0x8b, 4)
#define KVM_GET_ONE_REG KVM_IO(1, 0xab, sizeof(struct one_reg))
#define KVM_SET_ONE_REG KVM_IO(1, 0xac, sizeof(struct one_reg))
#define KVM_ARM_VCPU_INIT KVM_IO(1, 0xae, sizeof(struct vcpu_init))
#define KVM_ARM_PREFERRED_TARGET KVM_IO(2, 0xaf, sizeof(struct vcpu_init))
#define KVM_CREATE_DEVICE KVM_IO(3, 0xe0, sizeof(struct create_device))
#define KVM_SET_DEVICE_ATTR KVM_IO(1, 0xe1, sizeof(struct device_attr))
#define KVM_GET_DEVICE_ATTR KVM_IO(1, 0xe2, sizeof(struct device_attr))
#define KVM_HAS_DEVICE_ATTR KVM_IO(1, 0xe3, sizeof(struct device_attr))

enum { KVM_CAP_ARM_PMU_V3 = 126, KVM_CAP_ARM_VM_IPA_SIZE = 165, KVM_CAP_ARM_EL2 = 240 };
enum { KVM_ARM_VCPU_PMU_V3 = 3, KVM_ARM_VCPU_PMU_V3_STRICT = 9 };
enum { KVM_ARM_VCPU_PMU_V3_CTRL = 0 };
enum { KVM_EXIT_MMIO = 6, KVM_EXIT_FAIL_ENTRY = 9 };
/* The program counter: KVM_REG_ARM64, 64 bits, KVM_REG_ARM_CORE, its offset in struct kvm_regs in words. */
#define KVM_REG_PC 0x6030000000100040UL
/* Registers of a vCPU's PMU: KVM_REG_ARM64, 64 bits, KVM_REG_ARM64_SYSREG, op0 3, op1 3, CRn 9. */
#define KVM_REG_PMU(crm, op2) (0x603000000013dc80UL | (crm) << 3 | (op2))
#define KVM_REG_PMCR KVM_REG_PMU(12, 0)
/* Attributes of that group. The last one is added by a posted kernel series. */
enum {
	KVM_ARM_VCPU_PMU_V3_IRQ = 0, KVM_ARM_VCPU_PMU_V3_INIT = 1, KVM_ARM_VCPU_PMU_V3_FILTER = 2, KVM_ARM_VCPU_PMU_V3_SET_PMU = 3,
	KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS = 4, KVM_ARM_VCPU_PMU_V3_FIXED_COUNTERS_ONLY = 5,
};
enum { KVM_PMU_EVENT_ALLOW = 0, KVM_PMU_EVENT_DENY = 1 };
/* Group and attribute of a GIC that make it ready. */
enum { KVM_DEV_ARM_VGIC_GRP_CTRL = 4, KVM_DEV_ARM_VGIC_CTRL_INIT = 0 };
enum { KVM_CREATE_DEVICE_TEST = 1, KVM_DEV_TYPE_ARM_VGIC_V2 = 5, KVM_DEV_TYPE_ARM_VGIC_V3 = 7 };

static inline u64 errno_of(i64 result) { return result < 0 ? (u64)-result : 0; }

#endif
