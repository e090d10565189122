import type { HostFacts, PmuSettings, Prediction } from '../facts.ts';
import type { PostedStart } from '../predict/posted-start.ts';
import { bigLittle, host, none, overlap, partial, software, source, uniform } from './facts.ts';

/** Settings of a start, in one level. */
export type Settings = Partial<Omit<PmuSettings, 'qemu'>> & Partial<PmuSettings['qemu']>;

/** Makes the settings of a start of a QEMU with the choice, unless said otherwise. */
export function settingsOf({ hasPmuChoice = true, version, machineBackcompatPmu, ...settings }: Settings): PmuSettings {
	return {
		machine: 'virt',
		...settings,
		qemu: {
			hasPmuChoice,
			...(version === undefined ? {} : { version }),
			...(machineBackcompatPmu === undefined ? {} : { machineBackcompatPmu }),
		},
	};
}

const withKvm = (facts: HostFacts, kvm: Partial<HostFacts['kvm']>): HostFacts => ({
	...facts,
	kvm: { ...facts.kvm, ...kvm },
});
const withRelease = (facts: HostFacts, release: string): HostFacts => ({
	...facts,
	kernel: { ...facts.kernel, release },
});
const unknown = { unknown: 'not asked' } as const;
const made = (madeOn: string, counted: string, stopped: string) => ({ madeOn, counted, stopped });

/** Hosts on which rules, facts and findings decide. */
export const hosts: Readonly<Record<string, HostFacts>> = {
	uniform,
	'big.LITTLE': bigLittle,
	overlap,
	partial,
	'no PMU in KVM': none,
	'no PMU in KVM, by its capability alone': withKvm(uniform, { pmuV3: 'no' }),
	'no KVM': withKvm(uniform, { usable: 'no' }),
	'KVM was not asked': withKvm(uniform, { usable: unknown, pmuV3: unknown, setPmu: unknown, attribute5: unknown }),
	'KVM was not asked, no PMU of CPUs': withKvm(host([]), { pmuV3: unknown, setPmu: unknown, attribute5: unknown }),
	'KVM was not asked, Linux 5.15': withRelease(withKvm(uniform, { setPmu: unknown }), '5.15.0'),
	'KVM was not asked, a kernel of a vendor': withRelease(withKvm(uniform, { setPmu: unknown }), 'vendor'),
	'fixed counters': withKvm(bigLittle, { attribute5: 'yes' }),
	'fixed counters, PMCEID 0': withKvm(bigLittle, {
		attribute5: 'yes',
		fixedCounters: { eventCounters: 0, cyclesListed: false, counted: '0-1', stopped: '' },
	}),
	'fixed counters, a CPU without an event source': withKvm(partial, { attribute5: 'yes' }),
	'no SET_PMU': withKvm(uniform, { setPmu: 'no' }),
	'no SET_PMU, two event sources': withKvm(overlap, { setPmu: 'no' }),
	'no SET_PMU, clusters': withKvm(bigLittle, { setPmu: 'no' }),
	'no SET_PMU, clusters, fixed counters': withKvm(bigLittle, { setPmu: 'no', attribute5: 'yes' }),
	'no vCPU with a PMU': withKvm(uniform, { scratchVcpu: 'no' }),
	'no vCPU with a PMU, though it can be initialised': withKvm(uniform, { scratchVcpu: 'no', vcpuInitCpus: '0' }),
	'a vCPU with a PMU on one CPU only': withKvm(partial, { vcpuInitCpus: '0' }),
	'KVM takes type 10 alone': withKvm(overlap, { setPmuTypes: { '1': 'ENXIO', '10': 'ok', '11': 'ENXIO' } }),
	'possible CPUs that cannot be read': { ...uniform, cpus: { ...uniform.cpus, possible: { error: 'ENOENT' } } },
	'possible CPUs that cannot be read, fixed counters': withKvm(
		{ ...uniform, cpus: { ...uniform.cpus, possible: { text: 'x\n' } } },
		{ attribute5: 'yes' },
	),
	'event sources that cannot be listed': { ...uniform, eventSources: { error: 'EACCES' } },
	'more CPUs than Linux has': host([source('armv8_pmuv3_0', 10, '0-9000')], {
		possible: '0-9000',
		online: '8191-8192',
	}),
	'many uncore event sources': host([
		...Array.from({ length: 6 }, (_, index) => software(`uncore_${index}`, 20 + index)),
		source('armv8_pmuv3_0', 10, '0-1'),
		source('armv8_part', 11, '1'),
	]),
	'Linux 5.4': withRelease(bigLittle, '5.4.0'),
	'Linux 5.10': withRelease(bigLittle, '5.10.0'),
	'one CPU without an event source, Linux 5.10': withRelease(partial, '5.10.0'),
	'Linux 7.3': withRelease(bigLittle, '7.3.0'),
	'Linux 7.4': withRelease(bigLittle, '7.4.0'),
	'Linux 8.0': withRelease(bigLittle, '8.0.0'),
	'a kernel of a vendor': withRelease(bigLittle, 'vendor'),
	'no event source, Linux 6.12': host([]),
	'the default was not measured': withKvm(bigLittle, { defaultCounts: unknown }),
	'the default was measured': withKvm(bigLittle, { defaultCounts: [made('0', '0', '1'), made('1', '1', '0')] }),
	'the default was measured, a kernel of a vendor': withRelease(
		withKvm(bigLittle, { defaultCounts: [made('0', '0', '1'), made('1', '1', '0')] }),
		'vendor',
	),
	'the default counts where the vCPU was not made': withKvm(bigLittle, { defaultCounts: [made('1', '0', '1')] }),
	'the default stops on a CPU that one of two event sources covers': withKvm(
		host([source('armv8_a', 10, '0-1', 'platform/a'), source('armv8_b', 11, '0', 'platform/b')]),
		{ defaultCounts: [made('0', '0', '1')] },
	),
	'the default was measured on one CPU': withKvm(bigLittle, { defaultCounts: [made('1', '1', '0')] }),
	'the default counts where no event source is listed': withKvm(host([]), { defaultCounts: [made('0-1', '0', '1')] }),
	'the default counts on all of two event sources, Linux 5.10': withRelease(
		withKvm(overlap, { defaultCounts: [made('0-1', '0-1', '')] }),
		'5.10.0',
	),
	'the default counts on all of two event sources': withKvm(overlap, { defaultCounts: [made('0-1', '0-1', '')] }),
	'the default counts on all of two event sources, a kernel of a vendor': withRelease(
		withKvm(overlap, { defaultCounts: [made('0', '0-1', '')] }),
		'vendor',
	),
	'the default counts on one of a group': withKvm(
		host([source('armv8_a', 10, '0-3'), source('armv8_b', 11, '6-7')], { possible: '0-7' }),
		{ defaultCounts: [made('0', '0,4', '5')] },
	),
	'an event source without a link': host([{ ...source('armv8_pmuv3_0', 10, '0-1'), link: { error: 'EINVAL' } }]),
	'an event source without a link, no SET_PMU': host(
		[source('armv8_a', 10, '0-1'), { ...source('armv8_b', 11, '0-1'), cpus: { text: '0-\n' } }],
		{ kvm: { setPmu: 'no' } },
	),
	'more CPUs than possible, no SET_PMU': host([source('armv8_pmuv3_0', 10, '0-127')], { kvm: { setPmu: 'no' } }),
	'lists of CPUs that end QEMU, no SET_PMU': host([source('armv8_a', 10, '-1'), source('armv8_b', 11, '0')], {
		kvm: { setPmu: 'no' },
	}),
	'lists of CPUs that end QEMU, or do not, no SET_PMU': host(
		[source('armv8_a', 10, '-1'), source('armv8_b', 11, '0-1')],
		{ kvm: { setPmu: 'no' } },
	),
	'a list of CPUs that ends QEMU': host([source('armv8_a', 10, '-1'), source('armv8_b', 11, '0-1')]),
	'other CPUs than possible, no SET_PMU': host([source('armv8_pmuv3_0', 10, '64-127')], { kvm: { setPmu: 'no' } }),
	'a type beyond 32 bits comes first': host(
		[
			source('armv8_a', '4294967306', '0-1', 'platform/a'),
			source('armv8_b', 11, '0-1', 'platform/b'),
			source('armv8_c', 10, '0', 'platform/c'),
		],
		{ kvm: { setPmuTypes: { '10': 'ok', '11': 'ok' } } },
	),
	'an uncore event source with CPUs comes first': host(
		[source('arm_dsu_0', 12, '0-1', 'platform/a'), source('armv8_b', 11, '0-1', 'platform/b')],
		{ kvm: { setPmuTypes: { '11': 'ok', '12': 'ENXIO' } } },
	),
	'a type beyond 32 bits': host([source('armv8_pmuv3_0', '4294967306', '0-1')]),
};

/** What a user says, and what is known of the QEMU. */
export const starts: Readonly<Record<string, Settings>> = {
	plain: {},
	'pmu=10': { pmu: '10' },
	'pmu=11': { pmu: '11' },
	'pmu=1': { pmu: '1' },
	'pmu=9999': { pmu: '9999' },
	'pmu=9999, -cpu cortex-a57': { pmu: '9999', cpu: 'cortex-a57' },
	'pmu=9999, -cpu host,pmu=off': { pmu: '9999', cpuPmu: false },
	'pmu=9999, -cpu max,pmu=on': { pmu: '9999', cpu: 'max', cpuPmu: true },
	'pmu=012': { pmu: '012' },
	'pmu=-0': { pmu: '-0' },
	'pmu=-1': { pmu: '-1' },
	'pmu=-1, -cpu host,pmu=off': { pmu: '-1', cpuPmu: false },
	'pmu=-1, -cpu cortex-a57': { pmu: '-1', cpu: 'cortex-a57' },
	'pmu=x': { pmu: 'x' },
	'pmu=4294967306': { pmu: '4294967306' },
	'-cpu host,pmu=on': { cpuPmu: true },
	'-cpu host,pmu=off': { cpuPmu: false },
	'-cpu cortex-a57': { cpu: 'cortex-a57' },
	'-cpu cortex-a57,pmu=off': { cpu: 'cortex-a57', cpuPmu: false },
	'-cpu cortex-a57,pmu=on': { cpu: 'cortex-a57', cpuPmu: true },
	'-cpu max, 2 vCPUs': { cpu: 'max', vcpus: 2 },
	'on CPU 0': { affinity: '0' },
	'on CPU 1': { affinity: '1' },
	'pmu=10, on CPU 1': { pmu: '10', affinity: '1' },
	'on no CPU': { affinity: '' },
	'backcompat-pmu=on': { backcompatPmu: true },
	'backcompat-pmu=off': { backcompatPmu: false, machineBackcompatPmu: true },
	'a machine type with backcompat-pmu': { machineBackcompatPmu: true },
	'virt-9.2, QEMU 10.0': { machine: 'virt-9.2', version: '10.0.13' },
	'virt-10.0, QEMU 10.0': { machine: 'virt-10.0', version: '10.0.13' },
	'virt-10.2, QEMU 11.1': { machine: 'virt-10.2', version: '11.1.0' },
	'virt-11.0, QEMU of an unknown version': { machine: 'virt-11.0' },
	'virt-11.0, QEMU 10.2': { machine: 'virt-11.0', version: '10.2.0' },
	'virt-9.3, QEMU 10.2': { machine: 'virt-9.3', version: '10.2.0' },
	'virt-rhel9.4.0': { machine: 'virt-rhel9.4.0' },
	'virt-2.6': { machine: 'virt-2.6' },
	'virt-2.7': { machine: 'virt-2.7' },
	'virt-1.9': { machine: 'virt-1.9' },
	'virt-3.0': { machine: 'virt-3.0' },
	'virt-noble': { machine: 'virt-noble' },
	'sbsa-ref-2.5': { machine: 'sbsa-ref-2.5' },
	'stock QEMU': { hasPmuChoice: false },
	'stock QEMU, -cpu host,pmu=off': { hasPmuChoice: false, cpuPmu: false },
	'stock QEMU, -cpu host,pmu=on': { hasPmuChoice: false, cpuPmu: true },
	'stock QEMU, -cpu cortex-a57,pmu=off': { hasPmuChoice: false, cpu: 'cortex-a57', cpuPmu: false },
	'stock QEMU, on no CPU': { hasPmuChoice: false, affinity: '' },
	'stock QEMU, on CPU 1': { hasPmuChoice: false, affinity: '1' },
	'stock QEMU, pmu=10': { hasPmuChoice: false, pmu: '10' },
	'stock QEMU, backcompat-pmu=on': { hasPmuChoice: false, backcompatPmu: true },
	TCG: { accel: 'tcg' },
	'TCG, -cpu host': { accel: 'tcg', cpu: 'host' },
	'TCG, -cpu cortex-m3': { accel: 'tcg', cpu: 'cortex-m3' },
	'TCG, -cpu cortex-a57,pmu=off': { accel: 'tcg', cpu: 'cortex-a57', cpuPmu: false },
	'TCG, -icount shift=3': { accel: 'tcg', icountShift: 3 },
	'TCG, pmu=10': { accel: 'tcg', pmu: '10' },
};

const wordsOf = (prediction: Prediction) => {
	const cpus = Map.groupBy(Object.entries(prediction.counting), ([, word]) =>
		typeof word === 'string' ? word : `unknown (${word.unknown})`,
	);
	return [...cpus].map(([word, entries]) => `CPU ${entries.map(([cpu]) => cpu).join(',')} ${word}`).join('; ');
};

/** A prediction's facts in one line. */
export function inOneLine(prediction: Prediction): string {
	const { backend, type, name, rule, error, guestHasPmu, cpuPmuProperty, traceLines, events, accel } = prediction;
	const { traceEvents } = prediction;
	const what = [backend, type, name].filter(part => part !== undefined).join(' ');
	const by = `${accel === 'tcg' ? 'TCG: ' : ''}${what} by ${rule}`;
	const known = traceEvents ? '' : '; no trace events';
	if (backend === 'error') return `${by}${error === undefined ? '' : `, saying "${error}"`}${known}`;
	return [
		by,
		guestHasPmu ? 'PMU' : 'no PMU',
		`pmu=${cpuPmuProperty}`,
		`trace ${traceLines}${known}`,
		`events ${typeof events === 'string' ? events : events.join(',') || 'none'}`,
		wordsOf(prediction) || 'no CPU',
	].join('; ');
}

/** A possible start of the posted code in one line. */
export function startInOneLine(start: PostedStart): string {
	const found = start.findings.length === 0 ? '' : ` (${start.findings.join(', ')})`;
	return `${start.ends ? 'QEMU ends' : inOneLine(start.prediction)}${found}`;
}
