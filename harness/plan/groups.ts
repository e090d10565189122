import { UsageError } from '../../src/lib/index.ts';
import type { CpuPmu, HostModel } from '../../src/pmu/index.ts';

/**
 * The topologies of boards that a host is like, by the PMUs of its online CPUs. More than one where one is a special case
 * of another; empty where its CPUs are not known.
 */
export function shapesOf({ facts, online, possible, pmus, groups }: HostModel): string[] {
	if ('error' in facts.cpus.online || online.size === 0) return [];
	if (pmus.length === 0) return ['none'];
	if (groups.some(group => group.pmus.length === 0)) return ['partial'];
	if (groups.some(group => group.pmus.length > 1)) return ['overlap', 'overlap-swapped'];
	const all = possible !== undefined && 'cpus' in possible ? possible.cpus : online;
	const isOffline = all.size !== online.size;
	if (groups.length > 2) return ['three-clusters', 'biglittle', 'biglittle-swapped'];
	if (groups.length === 2) return ['biglittle', 'biglittle-swapped', ...(isOffline ? ['biglittle-offline'] : [])];
	if (!isOffline) return ['uniform'];
	return ['uniform', pmus[0]!.cpus.covers(all) ? 'offline' : 'partial-offline'];
}

/** How many PMUs of CPUs a matrix value of `pmu` speaks of: `#1` of two. */
export function pmusSpokenOf(value: string | null): number {
	const position = /^#(\d+)$/.exec(value ?? '')?.[1];
	return position === undefined ? 0 : Number(position) + 1;
}

/** Whether a value of `pmu` is meant as the name of an event source: `armv8_pmuv3_0`. */
export function isSourceName(value: string): boolean {
	return /^[a-z]\w*_\w+$/i.test(value);
}

/** The `pmu=` text of a matrix value: `#N` and event source names become types, everything else stays as it is. */
export function resolvePmu(value: string, { facts, pmus }: HostModel): string {
	const position = /^#(\d+)$/.exec(value)?.[1];
	const found = position === undefined ? pmus.find(pmu => pmu.name === value) : pmus[Number(position)];
	if (found !== undefined) return String(found.type);
	if (position !== undefined || isSourceName(value)) {
		throw new UsageError(
			`no event source '${value}' (--pmu) on ${facts.host}; its CPUs' PMUs are: ${pmus.map(pmu => `${pmu.name} (type ${pmu.type})`).join(', ') || 'none'}`,
		);
	}
	return value;
}

/** The PMU of a group of host CPUs (list format); of several, the one that was registered first. */
export function pmuOn(cpus: string, { groups }: HostModel): CpuPmu | undefined {
	return groups.find(group => `${group.cpus}` === cpus)?.pmus[0];
}
