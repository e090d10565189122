import type { HostFacts } from '../facts.ts';

/**
 * Where KVM, asked by the probe without QEMU, does not do what it says: what QEMU and guests then see is the kernel's doing. One
 * sentence each.
 */
export function kernelFaults({ kvm }: Pick<HostFacts, 'kvm'>): string[] {
	const { fixedCounters, defaultCounts } = kvm;
	const faults: string[] = [];
	if (fixedCounters !== undefined && 'unknown' in fixedCounters) faults.push(fixedCounters.unknown);
	else if (fixedCounters !== undefined) {
		const { eventCounters, counted, stopped } = fixedCounters;
		if (eventCounters !== 0) faults.push(`PMCR_EL0.N is ${eventCounters} with the fixed counters alone, not 0`);
		if (stopped !== '') {
			const elsewhere = counted === '' ? '' : `, and counts on CPU ${counted}`;
			faults.push(
				`the cycle counter of a vCPU with the fixed counters alone stands still on CPU ${stopped}${elsewhere}`,
			);
		}
	}
	if (Array.isArray(defaultCounts)) {
		for (const { madeOn, counted } of defaultCounts) {
			if (counted === '') faults.push(`a vCPU made on CPU ${madeOn} counts on no CPU with KVM's default event source`);
		}
	}
	return faults;
}
