import { UsageError } from '../../src/lib/index.ts';
import { type EventSource, type FileText, type HostFacts, parseCpuList } from '../../src/pmu/index.ts';

/** One PMU of the host's CPUs: an event source with a dynamic type and a CPU list. */
export interface CpuPmu {
	readonly name: string;
	readonly type: number;
	/** Host CPUs in list format. */
	readonly cpus: string;
	/** Where sysfs says the device is: the text of the link. */
	readonly link: string;
}

const textOf = (file: FileText) => ('text' in file ? file.text.trim() : undefined);

/** The PMUs of the host's CPUs, by type. Arm CPU PMUs have a `cpus` file; uncore ones have `cpumask` instead. */
export function cpuPmus({ eventSources }: HostFacts): CpuPmu[] {
	if (!Array.isArray(eventSources)) return [];
	return (eventSources as readonly EventSource[])
		.map(({ name, type, cpus, link }) => ({
			name,
			type: Number(textOf(type) ?? 'none'),
			cpus: textOf(cpus) ?? '',
			link: textOf(link) ?? '',
		}))
		.filter(pmu => Number.isInteger(pmu.type) && pmu.cpus !== '')
		.sort((a, b) => a.type - b.type);
}

/** Online CPUs grouped by the set of PMUs that count on them, as CPU lists, in order of their first CPU. */
export function cpuGroups(facts: HostFacts): string[] {
	const online = textOf(facts.cpus.online);
	if (online === undefined) return [];
	const pmus = cpuPmus(facts).map(pmu => parseCpuList(pmu.cpus));
	const groups = Map.groupBy(parseCpuList(online), cpu => pmus.map(set => (set.has(cpu) ? '1' : '0')).join(''));
	return [...groups.values()].map(cpus => cpus.join(','));
}

/**
 * The topologies of boards that a host is like, by the PMUs of its online CPUs. More than one where one is a special case
 * of another; empty where its CPUs are not known.
 */
export function shapesOf(facts: HostFacts): string[] {
	const [online, possible] = [textOf(facts.cpus.online), textOf(facts.cpus.possible)];
	if (online === undefined) return [];
	const pmus = cpuPmus(facts).map(pmu => parseCpuList(pmu.cpus));
	if (pmus.length === 0) return ['none'];
	const covering = [...parseCpuList(online)].map(cpu => pmus.filter(set => set.has(cpu)).length);
	if (covering.includes(0)) return ['partial'];
	if (covering.some(count => count > 1)) return ['overlap', 'overlap-swapped'];
	const groups = cpuGroups(facts).length;
	if (groups > 2) return ['three-clusters', 'biglittle', 'biglittle-swapped'];
	if (groups === 2) return ['biglittle', 'biglittle-swapped'];
	return possible === online ? ['uniform'] : ['uniform', 'offline'];
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
export function resolvePmu(value: string, facts: HostFacts): string {
	const pmus = cpuPmus(facts);
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
