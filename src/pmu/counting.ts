import { CpuSet } from './cpu-list.ts';
import type { Counting, HostFacts } from './facts.ts';
import type { KvmDefault } from './kvm-default.ts';
import { compatibleSources, onlineCpus } from './sources.ts';

/** No Linux for Arm knows more CPUs; facts that name more are not followed CPU by CPU. */
const mostCpus = 8192;

function perCpu(facts: HostFacts, of: (cpu: number) => Counting): Record<number, Counting> {
	const counting: Record<number, Counting> = {};
	for (const cpu of onlineCpus(facts)) {
		if (cpu >= mostCpus) break;
		counting[cpu] = of(cpu);
	}
	return counting;
}

/** A vCPU without a PMU runs everywhere. */
export function countingWithout(facts: HostFacts): Record<number, Counting> {
	return perCpu(facts, () => 'no-pmu');
}

/** The emulator counts by its own clock. */
export function countingEmulated(facts: HostFacts): Record<number, Counting> {
	return perCpu(facts, () => 'counts');
}

/** After SET_PMU, KVM refuses to enter the vCPU on a CPU that the event source does not cover (KVM_EXIT_FAIL_ENTRY). */
export function countingOnSource(facts: HostFacts, type: number): Record<number, Counting> {
	const source = compatibleSources(facts).find(candidate => candidate.type === type);
	if (source === undefined) {
		return perCpu(facts, () => ({ unknown: `which CPUs the event source of type ${type} covers is not in the facts` }));
	}
	return perCpu(facts, cpu => (source.cpus.has(cpu) ? 'counts' : 'cannot-run'));
}

/** KVM's default does not restrict where vCPUs run: elsewhere the counters stop. */
export function countingOnDefault(facts: HostFacts, { candidates }: KvmDefault): Record<number, Counting> {
	const names = candidates.map(candidate => candidate.name).join(' or ');
	return perCpu(facts, cpu => {
		const covering = candidates.filter(candidate => candidate.cpus.has(cpu)).length;
		if (candidates.length === 0) return { unknown: "KVM's default event source is not in the facts" };
		if (covering === candidates.length) return 'counts';
		if (covering === 0) return 'stops';
		return { unknown: `it depends on which CPU the first vCPU is made on (${names})` };
	});
}

/** The fixed-counters-only PMU follows the vCPU from one event source to another. */
export function countingOnFixedCounters(facts: HostFacts): Record<number, Counting> {
	const covered = compatibleSources(facts).reduce((all, source) => all.or(source.cpus), new CpuSet());
	return perCpu(facts, cpu => (covered.has(cpu) ? 'counts' : { unknown: `CPU ${cpu} has no event source` }));
}
