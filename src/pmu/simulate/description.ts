import { UsageError } from '../../lib/errors.ts';
import type { EventSource, FileText, HostFacts, KvmFacts } from '../facts.ts';
import { readSource } from '../model/sources.ts';
import { errnoName } from '../probe/kvm-answers.ts';
import type { TreeEntry } from './tar.ts';

/** How a host should look to QEMU. Omitted parts are not changed. */
export interface SimulatedHost {
	/** `/sys/devices/system/cpu/possible`; the errors `ENOENT` (no such file) and `EISDIR` (a folder) can be simulated. */
	readonly possible?: FileText;
	/** The files `present` and `online` next to it, in the same form. */
	readonly present?: FileText;
	readonly online?: FileText;
	/**
	 * `/sys/bus/event_source/devices`. A `link` must be the text of a link as the kernel makes it (`../../../devices/...`), or
	 * the error `EINVAL` for an entry that is a plain folder.
	 */
	readonly eventSources?: readonly EventSource[] | { readonly error: 'ENOENT' };
	readonly kvm?: {
		/** KVM_CAP_ARM_PMU_V3 is missing. */
		readonly pmuV3?: 'no';
		/** The capability is present, but no vCPU with the feature can be made, as on a CPU without a PMU. */
		readonly scratchVcpu?: 'no';
		/** SET_PMU is missing, or fails with this errno number. */
		readonly setPmu?: 'no' | { readonly errno: number };
		/** Attribute 5 is present and can be set, without effect in the guest. */
		readonly fixedCountersOnly?: 'yes';
		/** Event source types that SET_PMU accepts, each with the real type that replaces it. */
		readonly types?: Readonly<Record<string, number>>;
	};
}

/** Lists what a description simulates, as in `simulated` of the results. Empty if it simulates nothing. */
export function simulatedNames(description: SimulatedHost): string[] {
	const { kvm = {} } = description;
	return [
		...(changesSysfs(description) ? ['sysfs'] : []),
		...(kvm.pmuV3 === 'no' ? ['no KVM_CAP_ARM_PMU_V3'] : []),
		...(kvm.scratchVcpu === 'no' ? ['no vCPU with a PMU'] : []),
		...(kvm.setPmu === 'no'
			? ['no SET_PMU']
			: kvm.setPmu !== undefined
				? [`SET_PMU fails with ${errnoName(`${kvm.setPmu.errno}`)}`]
				: []),
		...(kvm.fixedCountersOnly === 'yes' ? ['FIXED_COUNTERS_ONLY'] : []),
		...(kvm.types !== undefined ? ['event source types of KVM'] : []),
	];
}

const changesSysfs = ({ possible, present, online, eventSources }: SimulatedHost) =>
	[possible, present, online, eventSources].some(part => part !== undefined);

/** Returns the facts as QEMU will see them. */
export function simulatedFacts(facts: HostFacts, description: SimulatedHost): HostFacts {
	const { kvm = {} } = description;
	const seen = { ...facts, eventSources: description.eventSources ?? facts.eventSources };
	const real = facts.kvm.setPmuTypes ?? {};
	const stands = (type: string) => {
		if (typeof kvm.setPmu === 'object') return errnoName(`${kvm.setPmu.errno}`);
		if (kvm.types === undefined) return real[type] ?? 'ENXIO';
		const standsFor = kvm.types[type];
		return standsFor === undefined ? 'ENXIO' : (real[String(standsFor)] ?? 'ENXIO');
	};
	const types = 'error' in seen.eventSources ? [] : seen.eventSources.map(entry => readSource(entry, real).type);
	const asked = new Set([
		...types.filter(type => type !== undefined).map(String),
		...Object.keys(real),
		...Object.keys(kvm.types ?? {}),
	]);
	const noPmu = kvm.pmuV3 === 'no' || kvm.scratchVcpu === 'no';
	const noSetPmu = noPmu || kvm.setPmu === 'no';
	// The real KVM makes the vCPUs of a simulated host, and it takes an event source that is not in the simulation.
	const { defaultCounts, fixedCounters, ...answers } = facts.kvm;
	const isMeasured = description.eventSources === undefined && !noPmu;
	const measured: KvmFacts = {
		...answers,
		...(isMeasured && defaultCounts !== undefined ? { defaultCounts } : {}),
		// A simulated attribute 5 leaves the vCPU as it is.
		...(isMeasured && fixedCounters !== undefined && kvm.fixedCountersOnly !== 'yes' ? { fixedCounters } : {}),
	};
	return {
		...seen,
		cpus: {
			...facts.cpus,
			possible: description.possible ?? facts.cpus.possible,
			present: description.present ?? facts.cpus.present,
			online: description.online ?? facts.cpus.online,
		},
		kvm: {
			...measured,
			...(noPmu
				? ({ filter: 'no', setNrCounters: 'no', scratchVcpu: 'no', attribute5: 'no', vcpuInitCpus: '' } as const)
				: {}),
			...(kvm.pmuV3 === 'no' ? { pmuV3: 'no' as const } : {}),
			...(noSetPmu ? { setPmu: 'no' as const } : {}),
			...(kvm.fixedCountersOnly === 'yes' && !noPmu ? { attribute5: 'yes' as const } : {}),
			setPmuTypes: noSetPmu ? {} : Object.fromEntries([...asked].map(type => [type, stands(type)])),
		},
		simulated: [...facts.simulated, ...simulatedNames(description)],
	};
}

/** Builds the value of the KVM shim's environment variable; undefined if KVM is not changed. */
export function shimWords({ kvm = {} }: SimulatedHost): string | undefined {
	const words = [
		...(kvm.pmuV3 === 'no' ? ['hide-pmu-v3'] : []),
		...(kvm.scratchVcpu === 'no' ? ['no-pmu-vcpu'] : []),
		...(kvm.setPmu === 'no' ? ['hide-set-pmu'] : kvm.setPmu !== undefined ? [`set-pmu-errno=${kvm.setPmu.errno}`] : []),
		...(kvm.fixedCountersOnly === 'yes' ? ['fixed-counters-only'] : []),
		...(kvm.types === undefined
			? []
			: [
					`types=${Object.entries(kvm.types)
						.map(([type, real]) => `${type}:${real}`)
						.join(',')}`,
				]),
	];
	return words.length === 0 ? undefined : words.join(' ');
}

/**
 * Builds the tree that replaces `/sys`, with only the files that decide the backend; undefined if sysfs is not
 * changed. All of `/sys` is replaced, because the links of event sources lead all over `/sys/devices`.
 *
 * @throws UsageError for a description that cannot be simulated
 */
export function sysfsTree(facts: HostFacts, description: SimulatedHost): TreeEntry[] | undefined {
	if (!changesSysfs(description)) return undefined;
	const seen = simulatedFacts(facts, description);
	const tree = new Map<string, TreeEntry>();
	const add = (entry: TreeEntry) => {
		const before = tree.get(entry.path);
		if (before !== undefined && JSON.stringify(before) !== JSON.stringify(entry)) {
			throw new UsageError(`two simulated event sources share the device '${entry.path}' and differ in it`);
		}
		tree.set(entry.path, entry);
	};
	const addFile = (path: string, file: FileText) => {
		if ('text' in file) add({ path, content: file.text });
		else if (file.error === 'EISDIR') add({ path, folder: true });
		else if (file.error !== 'ENOENT') {
			throw new UsageError(`error ${file.error} of '${path}' cannot be simulated; allowed: ENOENT, EISDIR`);
		}
	};
	add({ path: 'devices/system/cpu', folder: true });
	for (const name of ['possible', 'present', 'online'] as const) addFile(`devices/system/cpu/${name}`, seen.cpus[name]);
	add({ path: 'bus/event_source', folder: true });
	if ('error' in seen.eventSources) return [...tree.values()];
	add({ path: 'bus/event_source/devices', folder: true });
	for (const { name, link, type, cpus, cpumask } of seen.eventSources) {
		if (!/^[^/\0\n ]+$/.test(name) || /^\.\.?$/.test(name))
			throw new UsageError(`event source name '${name}' cannot be simulated`);
		const entry = `bus/event_source/devices/${name}`;
		let device = entry;
		if ('text' in link) {
			if (
				!/^\.\.\/\.\.\/\.\.\/devices(\/(?!\.\.?(\/|$))[^/\0\n]+)+$/.test(link.text) ||
				link.text.startsWith('../../../devices/system/')
			) {
				throw new UsageError(
					`link '${link.text}' of event source ${name} cannot be simulated; allowed: links below ../../../devices`,
				);
			}
			add({ path: entry, link: link.text });
			device = link.text.slice('../../../'.length);
		}
		add({ path: device, folder: true });
		addFile(`${device}/type`, type);
		addFile(`${device}/cpus`, cpus);
		if (cpumask !== undefined) addFile(`${device}/cpumask`, cpumask);
	}
	return [...tree.values()];
}
