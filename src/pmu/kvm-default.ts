import { CpuSet } from './cpu-list.ts';
import type { HostFacts } from './facts.ts';
import { compatibleSources, cpuSetOf, kernelAtLeast, startCpus } from './sources.ts';

/** What KVM takes by itself when it is not told which event source to use. */
export interface KvmDefault {
	/** The event sources that it can come to; one when it is determined. */
	readonly candidates: readonly { readonly type: number; readonly name: string; readonly cpus: CpuSet }[];
	/** Whether the CPU on which the vCPU is made decides. */
	readonly byCpu: boolean;
	/** Whether no vCPU with a PMU can be made on any CPU that QEMU may start on. */
	readonly initFails: boolean;
	/** Whether on some of them it cannot, so that the CPU that QEMU happens to start on decides. */
	readonly initMayFail: boolean;
	readonly because: readonly string[];
}

/**
 * KVM's default event source. Since Linux 6.4 (commit 1c913a1c35aa, "Iterate arm_pmus list to probe for default PMU") it
 * is the first registered one that covers the CPU on which the first vCPU is made; before, the first registered one of
 * all. It does not restrict where vCPUs run: on CPUs that it does not cover the guest's counters stop.
 */
export function kvmDefault(facts: HostFacts, affinity: string | undefined): KvmDefault {
	const sources = compatibleSources(facts);
	const start = startCpus(facts, affinity);
	const byCpu = kernelAtLeast(facts, 6, 4) ?? true;
	const covered = sources.reduce((all, source) => all.or(source.cpus), new CpuSet());
	const initCpus = facts.kvm.vcpuInitCpus === undefined ? undefined : cpuSetOf({ text: facts.kvm.vcpuInitCpus });
	if (!byCpu) {
		const first = sources.slice(0, 1);
		return {
			candidates: first,
			byCpu,
			initFails: initCpus !== undefined && initCpus.and(start).size === 0,
			initMayFail: initCpus !== undefined && !initCpus.covers(start),
			because: [`Linux ${facts.kernel.release} takes the event source that was registered first${named(first)}`],
		};
	}
	// The first source in order of registration takes its CPUs, the next those that are left.
	let left = start;
	const candidates = sources.filter(source => {
		const here = left.and(source.cpus).size > 0;
		left = left.minus(source.cpus);
		return here;
	});
	const able = initCpus ?? (sources.length > 0 ? covered : start);
	return {
		candidates,
		byCpu,
		initFails: start.size > 0 && able.and(start).size === 0,
		initMayFail: !able.covers(start),
		because: [
			`Linux ${facts.kernel.release} takes the event source of the CPU that the first vCPU is made on, which is one of ${start}${named(candidates)}`,
			...(left.size > 0 && candidates.length > 0
				? [`CPU ${left} has no event source: a vCPU with a PMU cannot be made there`]
				: []),
		],
	};
}

function named(sources: readonly { readonly type: number; readonly name: string }[]): string {
	if (sources.length === 0) return ', and there is none';
	return `: ${sources.map(source => `${source.name} (type ${source.type})`).join(' or ')}`;
}
