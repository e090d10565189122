/** What the kernel must answer. */
export type Expected =
	/** One of these errno names, or `ok`. */
	| { readonly kind: 'answer'; readonly names: readonly string[] }
	/** A register or a count. */
	| { readonly kind: 'value'; readonly is: bigint }
	/** A count above 0. */
	| { readonly kind: 'counts' }
	/** A comparison that the program made. */
	| { readonly kind: 'holds' }
	/** The events of the PMU that sysfs lists, and some that KVM adds or hides. */
	| { readonly kind: 'events' }
	/** No rule: told for the reader. */
	| { readonly kind: 'told'; readonly isErrno: boolean };

/** What a host or its kernel must have for a check to mean something. */
export type Need =
	/** SET_PMU takes an event source of the host. */
	| 'set-pmu'
	/** The host has two PMUs for different CPUs. */
	| 'two-pmus'
	| 'nr-counters'
	| 'fixed'
	| 'strict'
	| 'event-counters'
	/** No other event source for the same CPU. */
	| 'own-interrupts'
	/** An interrupt controller in the kernel. */
	| 'gic';

/** One question to KVM, and the rule of the kernel's source for its answer. */
export interface Rule {
	/** Stable; the program prints the answer by it. */
	readonly id: string;
	/** What is done, as a noun phrase. */
	readonly what: string;
	/** The function of the kernel that decides. */
	readonly where: string;
	/** From which Linux version on the kernel must answer so; what it answered before is told only. */
	readonly since: readonly [major: number, minor: number];
	readonly expected: Expected;
	readonly needs: readonly Need[];
}

/** The version of Linux that a rule's answer is that of. */
type Version = readonly [major: number, minor: number];

/** `ID: [WHAT, EXPECTED, NEEDS…]`. */
export type Written = Readonly<Record<string, readonly [what: string, expected: Expected, ...needs: Need[]]>>;

/** Makes the rules of one function, all of the same version. */
export function rulesOf(where: string, since: Version, written: Written): Rule[] {
	return Object.entries(written).map(([id, [what, expected, ...needs]]) => ({
		id,
		what,
		where,
		since,
		expected,
		needs,
	}));
}

export const answers = (...names: string[]): Expected => ({ kind: 'answer', names });
export const is = (value: number): Expected => ({ kind: 'value', is: BigInt(value) });
export const ok = answers('ok');
export const counts: Expected = { kind: 'counts' };
export const holds: Expected = { kind: 'holds' };
export const told: Expected = { kind: 'told', isErrno: false };
export const toldErrno: Expected = { kind: 'told', isErrno: true };
export const asListed: Expected = { kind: 'events' };

const pmu = 'arch/arm64/kvm/pmu-emul.c';
/** The functions that the rules are read from (Linux 6.12; older versions have them under `virt/kvm/arm/pmu.c`). */
export const functions = {
	set: `${pmu}: kvm_arm_pmu_v3_set_attr`,
	get: `${pmu}: kvm_arm_pmu_v3_get_attr`,
	has: `${pmu}: kvm_arm_pmu_v3_has_attr`,
	setPmu: `${pmu}: kvm_arm_pmu_v3_set_pmu`,
	init: `${pmu}: kvm_arm_pmu_v3_init`,
	enable: `${pmu}: kvm_arm_pmu_v3_enable`,
	irqIsValid: `${pmu}: pmu_irq_is_valid`,
	nrCounters: `${pmu}: kvm_arm_pmu_v3_set_nr_counters`,
	pmceid: `${pmu}: kvm_pmu_get_pmceid`,
	event: `${pmu}: kvm_pmu_create_perf_event`,
	increment: `${pmu}: kvm_pmu_software_increment`,
	overflow: `${pmu}: kvm_pmu_perf_overflow`,
	reset: `${pmu}: kvm_pmu_vcpu_reset`,
	probe: `${pmu}: kvm_pmu_probe_armpmu`,
	group: 'arch/arm64/kvm/guest.c: kvm_arm_vcpu_arch_has_attr',
	pmcr: 'arch/arm64/kvm/sys_regs.c: set_pmcr',
	resetPmcr: 'arch/arm64/kvm/sys_regs.c: reset_pmcr',
	vcpuInit: 'arch/arm64/kvm/arm.c: kvm_vcpu_set_target',
	features: 'arch/arm64/kvm/arm.c: kvm_vcpu_init_check_features',
	load: 'arch/arm64/kvm/arm.c: check_vcpu_requests',
	create: 'arch/arm64/kvm/arm.c: kvm_arch_vcpu_create',
	fixed: `${pmu}: a posted series, attribute 5`,
} as const;
