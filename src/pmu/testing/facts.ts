import type { EventSource, HostFacts, KvmFacts } from '../facts.ts';

/** An event source as shown by the kernel. */
export function source(name: string, type: number | string, cpus: string, device = 'platform/pmu'): EventSource {
	return {
		name,
		link: { text: `../../../devices/${device}/${name}` },
		type: { text: `${type}\n` },
		cpus: { text: `${cpus}\n` },
	};
}

/** An event source that is not a CPU PMU, as each kernel has: no `cpus` file. */
export function software(name: string, type: number): EventSource {
	return {
		name,
		link: { text: `../../../devices/${name}` },
		type: { text: `${type}\n` },
		cpus: { error: 'ENOENT' },
	};
}

export const allKvm: KvmFacts = {
	present: true,
	usable: 'yes',
	pmuV3: 'yes',
	setPmu: 'yes',
	setNrCounters: 'yes',
	filter: 'yes',
	attribute5: 'no',
	pmuV3Strict: 'no',
};

/** Makes facts of a host with these event sources, in addition to those that every kernel has. */
export function host(
	sources: readonly EventSource[],
	{
		possible = '0-1',
		online = possible,
		kvm = {},
	}: { possible?: string; online?: string; kvm?: Partial<KvmFacts> } = {},
): HostFacts {
	return {
		schema: 'vpmu-facts/1',
		host: 'local',
		topology: null,
		kernel: { release: '6.12.90-arm64', machine: 'aarch64' },
		cpus: {
			possible: { text: `${possible}\n` },
			present: { text: `${possible}\n` },
			online: { text: `${online}\n` },
			allowed: { text: `${online}\n` },
			midr: {},
		},
		eventSources: [software('software', 1), software('breakpoint', 5), ...sources],
		kvm: { ...allKvm, ...kvm },
		other: {},
		simulated: [],
	};
}

export const uniform = host([source('armv8_pmuv3_0', 10, '0-1')]);
export const bigLittle = host([
	source('armv8_cortex_a53', 10, '0', 'platform/pmu-little'),
	source('armv8_cortex_a72', 11, '1', 'platform/pmu-big'),
]);
export const overlap = host([
	source('armv8_cortex_a53', 10, '0-1', 'platform/pmu-b'),
	source('armv8_cortex_a72', 11, '0-1', 'platform/pmu-a'),
]);
export const partial = host([source('armv8_cortex_a53', 10, '0', 'platform/pmu-little')]);
export const none = host([], { kvm: { pmuV3: 'no', setPmu: 'no', setNrCounters: 'no', filter: 'no' } });
