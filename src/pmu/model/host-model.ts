import { CpuSet, type LenientReading, parseCpuList } from '../cpu-list.ts';
import type { FileText, HostFacts } from '../facts.ts';
import { type KernelRelease, kernelRelease } from './kernel.ts';
import { type CpuPmu, isCpuPmu, type ReadSource, readCpuFile, readSource } from './sources.ts';

/** Online host CPUs with the same PMUs: a vCPU counts on all of them or on none. */
export interface CpuGroup {
	readonly cpus: CpuSet;
	/** By type; empty where the CPUs have no PMU. */
	readonly pmus: readonly CpuPmu[];
}

/** Where vCPUs made on some CPUs count with KVM's default event source, as measured. */
export interface MeasuredDefault {
	readonly madeOn: CpuSet;
	readonly counted: CpuSet;
	readonly stopped: CpuSet;
}

/** A host's facts as read once: what prediction, plan and verdict share. Immutable. */
export interface HostModel {
	readonly facts: HostFacts;
	readonly kernel: KernelRelease;
	/** The possible CPUs as QEMU with the choice reads them; undefined where the file has no line. */
	readonly possible: LenientReading | undefined;
	/** CPUs for which counting is predicted: the online ones; the possible ones where that is not known. */
	readonly online: CpuSet;
	/** CPUs that processes may run on; undefined where that is not known. */
	readonly allowed: CpuSet | undefined;
	/** All event sources, in the order of the facts; empty where they could not be listed. */
	readonly sources: readonly ReadSource[];
	/** Those that KVM can use, in the order in which the kernel registered them: it hands out types in ascending order. */
	readonly pmus: readonly CpuPmu[];
	/** In order of their first CPU. */
	readonly groups: readonly CpuGroup[];
	/** CPUs on which KVM made a vCPU with a PMU; undefined where it was not asked. */
	readonly initCpus: CpuSet | undefined;
	/** Empty where it was not measured. */
	readonly defaults: readonly MeasuredDefault[];
}

const models = new WeakMap<HostFacts, HostModel>();

/** The model of a host's facts. The same facts give the same model: they are parsed once. */
export function hostModel(facts: HostFacts): HostModel {
	const known = models.get(facts);
	if (known !== undefined) return known;
	const model = readModel(facts);
	models.set(facts, model);
	return model;
}

function readModel(facts: HostFacts): HostModel {
	const { cpus, eventSources, kvm } = facts;
	const online = cpuSetOf(cpus.online) ?? cpuSetOf(cpus.possible) ?? new CpuSet();
	// A KVM without SET_PMU refuses every type, which says nothing about the event sources.
	const answers = kvm.setPmu === 'no' ? undefined : kvm.setPmuTypes;
	const sources = 'error' in eventSources ? [] : eventSources.map(entry => readSource(entry, answers));
	const pmus = sources.filter(isCpuPmu).sort((a, b) => a.type - b.type);
	const measured = kvm.defaultCounts;
	return {
		facts,
		kernel: kernelRelease(facts.kernel.release),
		possible: readCpuFile(cpus.possible),
		online,
		allowed: cpuSetOf(cpus.allowed),
		sources,
		pmus,
		groups: groupsOf(online, pmus),
		initCpus: kvm.vcpuInitCpus === undefined ? undefined : cpuSetOf({ text: kvm.vcpuInitCpus }),
		defaults:
			measured === undefined || 'unknown' in measured
				? []
				: measured.flatMap(({ madeOn, counted, stopped }) => {
						const sets = [madeOn, counted, stopped].map(text => cpuSetOf({ text }));
						return sets.every(set => set !== undefined)
							? [{ madeOn: sets[0]!, counted: sets[1]!, stopped: sets[2]! }]
							: [];
					}),
	};
}

/** A list of CPUs from sysfs, undefined when it cannot be read. */
function cpuSetOf(file: FileText): CpuSet | undefined {
	if ('error' in file) return undefined;
	try {
		return parseCpuList(file.text);
	} catch {
		return undefined;
	}
}

/** Splits at the CPUs of each PMU, so that the cost is that of the lists and not of the CPUs. */
function groupsOf(online: CpuSet, pmus: readonly CpuPmu[]): CpuGroup[] {
	let groups: CpuGroup[] = online.size === 0 ? [] : [{ cpus: online, pmus: [] }];
	for (const pmu of pmus) {
		groups = groups.flatMap(group => [
			{ cpus: group.cpus.and(pmu.cpus), pmus: [...group.pmus, pmu] },
			{ cpus: group.cpus.minus(pmu.cpus), pmus: group.pmus },
		]);
		groups = groups.filter(group => group.cpus.size > 0);
	}
	return groups.sort((a, b) => a.cpus.ranges[0]![0] - b.cpus.ranges[0]![0]);
}

/** CPUs that QEMU may be started on: the allowed ones, or those of `affinity` (list format), as far as they are online. */
export function startCpus({ online, allowed }: HostModel, affinity: string | undefined): CpuSet {
	const wanted = affinity === undefined ? allowed : cpuSetOf({ text: affinity });
	return wanted === undefined ? online : wanted.and(online);
}

/** Whether KVM takes an event source of this type: as it answered, else when sysfs lists the PMU of CPUs under it. */
export function kvmTakes({ facts, sources }: HostModel, type: number): boolean {
	const { setPmuTypes } = facts.kvm;
	if (setPmuTypes !== undefined) return setPmuTypes[String(type)] === 'ok';
	return sources.some(source => source.type === type && source.compatible);
}
