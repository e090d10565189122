/**
 * Where the posted patch (RFC v3) differs from its description, or from what its users need. Each one is
 * described in docs/findings.md under the same number, with the command that shows it.
 */
export const findings = {
	F1: 'an event source that is a plain folder ends QEMU: readlinkat() fails for ever while its buffer doubles',
	F2: 'a pmu value beyond 32 bits, or a negative one, is silently taken for unset',
	F3: 'a covering event source is chosen without asking KVM whether it can use it',
	F4: 'the fixed-counters-only PMU is not tried when sysfs cannot be read',
	F5: 'without SET_PMU, a cpus list that reaches a higher 64-bit word than possible makes the comparison read past its bitmap',
	F6: 'a CPU number out of range in sysfs ends QEMU instead of being refused',
	F7: 'an event source type beyond 32 bits is cut to 32 bits instead of being refused',
	F8: '-cpu host,pmu=off is refused where no backend exists, though it asks for what is there',
	F9: 'a named CPU model fails to start where no backend exists, though its PMU should just be disabled',
	F10: 'qom-list-properties of kvm-accel ends a running QEMU',
	F11: 'a vCPU on a host CPU outside the chosen PMU spins without progress while QMP says running',
	F12: 'an event source that KVM refuses stops the start even with -cpu host,pmu=off, and the message names neither',
	F13: 'an empty list of possible CPUs ends QEMU',
	F14: 'whether a scratch vCPU can be made depends on the CPU that QEMU happens to run on, and with it the backend',
} as const;

export type FindingId = keyof typeof findings;
