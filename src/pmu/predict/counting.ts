import { parseCpuList } from '../cpu-list.ts';
import type { Counting, Prediction } from '../facts.ts';
import type { HostModel } from '../model/host-model.ts';
import { coveredBy } from '../model/sources.ts';
import type { KvmDefault } from './kvm-default.ts';

/** No Linux for Arm supports more CPUs. If facts name more, counting is not predicted for each CPU. */
const mostCpus = 8192;

function perCpu({ online }: HostModel, of: (cpu: number) => Counting): Record<number, Counting> {
	const counting: Record<number, Counting> = {};
	for (const cpu of online) {
		if (cpu >= mostCpus) break;
		counting[cpu] = of(cpu);
	}
	return counting;
}

/** A vCPU without a PMU runs everywhere. */
export function countingWithout(host: HostModel): Record<number, Counting> {
	return perCpu(host, () => 'no-pmu');
}

/** The emulator counts with its own clock. */
export function countingEmulated(host: HostModel): Record<number, Counting> {
	return perCpu(host, () => 'counts');
}

/** After SET_PMU, KVM refuses to enter the vCPU on a CPU that the event source does not cover (KVM_EXIT_FAIL_ENTRY). */
export function countingOnSource(host: HostModel, type: number): Record<number, Counting> {
	const source = host.pmus.find(candidate => candidate.type === type);
	if (source === undefined) {
		return perCpu(host, () => ({ unknown: `which CPUs the event source of type ${type} covers is not in the facts` }));
	}
	return perCpu(host, cpu => (source.cpus.has(cpu) ? 'counts' : 'cannot-run'));
}

/** KVM's default does not restrict where vCPUs run. On CPUs that the event source does not cover, the counters stop. */
export function countingOnDefault(host: HostModel, { candidates, undetermined }: KvmDefault): Record<number, Counting> {
	const names = candidates.map(({ name = 'one that is not listed' }) => name).join(' or ');
	return perCpu(host, cpu => {
		const covering = candidates.filter(candidate => candidate.cpus.has(cpu)).length;
		if (candidates.length === 0) return { unknown: "KVM's default event source is not in the facts" };
		if (covering === candidates.length) return 'counts';
		if (covering === 0) return 'stops';
		return { unknown: `${undetermined} (${names})` };
	});
}

/** The fixed-counters-only PMU moves with the vCPU from one event source to another. */
export function countingOnFixedCounters(host: HostModel): Record<number, Counting> {
	const covered = coveredBy(host.pmus);
	return perCpu(host, cpu => (covered.has(cpu) ? 'counts' : { unknown: `CPU ${cpu} has no event source` }));
}

/**
 * Returns the common prediction for all these host CPUs (list format); undefined if they differ or one of them has
 * no prediction. @throws UsageError when the list is malformed
 */
export function countingOn({ counting }: Pick<Prediction, 'counting'>, cpus: string): Counting | undefined {
	const words = [...parseCpuList(cpus)].map(cpu => counting[cpu]);
	const [first] = words;
	return words.every(word => JSON.stringify(word) === JSON.stringify(first)) ? first : undefined;
}
