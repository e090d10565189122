import { CpuSet, type LenientReading, parseCpuList } from '../cpu-list.ts';
import type { FileText, HostFacts } from '../facts.ts';
import { type KernelRelease, kernelRelease } from './kernel.ts';
import { type CpuPmu, isCpuPmu, type ReadSource, readCpuFile, readSource } from './sources.ts';

/** Online host CPUs with the same PMUs: a vCPU counts on all of them or on none. */
export interface CpuGroup {
	readonly cpus: CpuSet;
	/** Sorted by type; empty if the CPUs have no PMU. */
	readonly pmus: readonly CpuPmu[];
}

/** Where vCPUs made on some CPUs count with KVM's default event source, as measured. */
export interface MeasuredDefault {
	readonly madeOn: CpuSet;
	readonly counted: CpuSet;
	readonly stopped: CpuSet;
}

/** A host's parsed facts, shared by prediction, plan and verdict. Immutable. */
export interface HostModel {
	readonly facts: HostFacts;
	readonly kernel: KernelRelease;
	/** The possible CPUs as read by a QEMU with the choice; undefined if the file has no line. */
	readonly possible: LenientReading | undefined;
	/** CPUs for which counting is predicted: the online ones, or the possible ones if those are unknown. */
	readonly online: CpuSet;
	/** CPUs that processes may run on; undefined if unknown. */
	readonly allowed: CpuSet | undefined;
	/** All event sources, in the order of the facts; empty if they could not be listed. */
	readonly sources: readonly ReadSource[];
	/** Those that KVM can use, in registration order: the kernel assigns types in ascending order. */
	readonly pmus: readonly CpuPmu[];
	/** Sorted by their first CPU. */
	readonly groups: readonly CpuGroup[];
	/** CPUs on which KVM made a vCPU with a PMU; undefined if KVM was not asked. */
	readonly initCpus: CpuSet | undefined;
	/** Empty if not measured. */
	readonly defaults: readonly MeasuredDefault[];
}

const models = new WeakMap<HostFacts, HostModel>();

/** Returns the model of a host's facts. Facts are parsed once: the same facts give the same model. */
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
	// A KVM without SET_PMU refuses every type, so its refusals say nothing about the event sources.
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

/** Parses a list of CPUs from sysfs; undefined if it cannot be read. */
function cpuSetOf(file: FileText): CpuSet | undefined {
	if ('error' in file) return undefined;
	try {
		return parseCpuList(file.text);
	} catch {
		return undefined;
	}
}

/** Splits ranges at the CPUs of each PMU, so that the cost depends on the lists and not on the number of CPUs. */
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

/** Returns the CPUs that QEMU may be started on: the online ones among the allowed ones, or among `affinity` (list format). */
export function startCpus({ online, allowed }: HostModel, affinity: string | undefined): CpuSet {
	const wanted = affinity === undefined ? allowed : cpuSetOf({ text: affinity });
	return wanted === undefined ? online : wanted.and(online);
}

/** Whether KVM accepts an event source of this type: by its answer, or else if sysfs lists it as the PMU of CPUs. */
export function kvmTakes({ facts, sources }: HostModel, type: number): boolean {
	const { setPmuTypes } = facts.kvm;
	if (setPmuTypes !== undefined) return setPmuTypes[String(type)] === 'ok';
	return sources.some(source => source.type === type && source.compatible);
}
