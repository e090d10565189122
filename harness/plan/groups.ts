import { UsageError } from '../../src/lib/index.ts';
import type { CpuPmu, HostModel } from '../../src/pmu/index.ts';

/**
 * Returns the board topologies that a host matches, by the PMUs of its online CPUs. There may be several, since one can
 * be a special case of another; none if the CPUs are not known.
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

/** Returns how many CPU PMUs a matrix value of `pmu` needs: two for `#1`. */
export function pmusSpokenOf(value: string | null): number {
	const position = /^#(\d+)$/.exec(value ?? '')?.[1];
	return position === undefined ? 0 : Number(position) + 1;
}

/** Whether a value of `pmu` is the name of an event source, such as `armv8_pmuv3_0`. */
export function isSourceName(value: string): boolean {
	return /^[a-z]\w*_\w+$/i.test(value);
}

/**
 * Turns a matrix value into the text of `pmu=`: `#N` and event source names become types, other values stay as they
 * are.
 */
export function resolvePmu(value: string, { facts, pmus }: HostModel): string {
	const position = /^#(\d+)$/.exec(value)?.[1];
	const found = position === undefined ? pmus.find(pmu => pmu.name === value) : pmus[Number(position)];
	if (found !== undefined) return String(found.type);
	if (position !== undefined || isSourceName(value)) {
		throw new UsageError(
			`no event source '${value}' (--pmu) on ${facts.host}; the PMUs of its CPUs are: ${pmus.map(pmu => `${pmu.name} (type ${pmu.type})`).join(', ') || 'none'}`,
		);
	}
	return value;
}

/** Returns the PMU of a group of host CPUs (list format); the one registered first if there are several. */
export function pmuOn(cpus: string, { groups }: HostModel): CpuPmu | undefined {
	return groups.find(group => `${group.cpus}` === cpus)?.pmus[0];
}
