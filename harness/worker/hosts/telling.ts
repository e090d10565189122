import type { EventSource, FileText, PmuSettings, SimulatedHost } from '../../../src/pmu/index.ts';
import type { DifferentialCase } from './generate.ts';

/** A host on which QEMU's choice differs if it reads the wrong fact or applies the rules in another order. */
export interface TellingHost {
	/** The fact that decides. */
	readonly title: string;
	readonly case: DifferentialCase;
}

interface Sketch {
	readonly possible?: string | undefined;
	readonly online?: string;
	readonly present?: string;
	/** Name, type, CPUs, device path, further files; in the order in which the folder is filled. */
	readonly sources?: readonly (readonly [
		name: string,
		type: string | number,
		cpus: string,
		device?: string | undefined,
		more?: Partial<EventSource>,
	])[];
	readonly kvm?: SimulatedHost['kvm'];
	readonly settings?: Partial<Omit<PmuSettings, 'qemu'>>;
}

const text = (content: string): FileText => ({ text: `${content}\n` });
const covering = [['armv8_a', 10, '0-1']] as const;
const clusters = [
	['armv8_little', 10, '0-1', 'platform/pmu-little'],
	['armv8_big', 11, '2-3', 'platform/pmu-big'],
] as const;
const four = { possible: '0-3', sources: clusters } as const;

/** For each deciding fact, a host where a neighbouring fact would decide otherwise. */
const sketches: Readonly<Record<string, Sketch>> = {
	// Which CPUs must be covered.
	'possible CPUs, not online ones': {
		possible: '0-3',
		online: '0-2',
		present: '0-3',
		sources: [['armv8_a', 10, '0-2']],
	},
	'possible CPUs, not present ones': {
		possible: '0-3',
		online: '0-3',
		present: '0-2',
		sources: [['armv8_a', 10, '0-2']],
	},
	'possible CPUs only': { possible: '0-1', online: '0-3', present: '0-3', sources: covering },
	'possible CPUs, not those that QEMU may run on': { possible: '0-7', sources: [['armv8_a', 10, '0-3']] },
	'a hole among the possible CPUs': { possible: '0-1,4-5', sources: [['armv8_a', 10, '0-1,4-5']] },
	'all ranges of possible CPUs': { possible: '0-1,4-5', sources: [['armv8_a', 10, '0-1']] },
	'also the first of the ranges': { possible: '0-1,4-5', sources: [['armv8_a', 10, '4-5']] },
	'the second word of possible CPUs': { possible: '0-127', sources: [['armv8_a', 10, '0-63']] },
	'the first word of possible CPUs': { possible: '0-127', sources: [['armv8_a', 10, '64-127']] },
	'possible CPUs that cannot be read': { possible: undefined, sources: covering },
	// Which CPUs an event source covers.
	'cpus, not cpumask: too few': {
		possible: '0-3',
		sources: [['armv8_a', 10, '0-1', undefined, { cpumask: text('0-3') }]],
	},
	'cpus, not cpumask: all': { possible: '0-3', sources: [['armv8_a', 10, '0-3', undefined, { cpumask: text('0') }]] },
	'no cpus, but a cpumask': {
		possible: '0-3',
		sources: [['uncore', 10, '', undefined, { cpus: { error: 'ENOENT' }, cpumask: text('0-3') }]],
	},
	'a hole among the CPUs of a PMU': { possible: '0-5', sources: [['armv8_a', 10, '0-1,4-5']] },
	'a single CPU and a range': { possible: '0-3', sources: [['armv8_a', 10, '0,2-3']] },
	'single CPUs that cover all': { possible: '0-3', sources: [['armv8_a', 10, '0,1,2,3']] },
	'as many CPUs, but other ones': { possible: '0-3', sources: [['armv8_a', 10, '4-7']] },
	'all but the last CPU': { possible: '0-7', sources: [['armv8_a', 10, '0-6']] },
	'all but the first CPU': { possible: '0-7', sources: [['armv8_a', 10, '1-7']] },
	'more CPUs than are possible': { possible: '0-3', sources: [['armv8_a', 10, '0-7']] },
	'two that cover all CPUs only together': four,
	'an event source without CPUs': { possible: '0-1', sources: [['armv8_a', 10, '']] },
	// Which one of several.
	'the smallest device path, whatever the order of the folder, of names and of types': {
		possible: '0-1',
		sources: [
			['pmu_b', 12, '0-1', 'platform/p-c@1'],
			['pmu_d', 10, '0-1', 'platform/p-e@1'],
			['pmu_c', 13, '0-1', 'platform/p-a@1'],
			['pmu_a', 14, '0-1', 'platform/p-d@1'],
			['pmu_e', 11, '0-1', 'platform/p-b@1'],
		],
	},
	'device paths in byte order, not numeric order': {
		possible: '0-1',
		sources: [
			['armv8_a', 10, '0-1', 'platform/pmu@2'],
			['armv8_b', 11, '0-1', 'platform/pmu@10'],
		],
	},
	'device paths in byte order, not alphabetical order': {
		possible: '0-1',
		sources: [
			['armv8_a', 10, '0-1', 'platform/a-pmu'],
			['armv8_b', 11, '0-1', 'platform/B-pmu'],
		],
	},
	'device paths in byte order, not folder order': {
		possible: '0-1',
		sources: [
			['armv8_a', 10, '0-1', 'platform/pmu'],
			['armv8_b', 11, '0-1', 'platform/pmu-1'],
		],
	},
	'device paths, not their lengths': {
		possible: '0-1',
		sources: [
			['armv8_b', 11, '0-1', 'platform/z'],
			['armv8_a', 10, '0-1', 'platform/a/deeper/and/longer'],
		],
	},
	'the smallest path belongs to one that does not cover all': {
		possible: '0-3',
		sources: [
			['armv8_a', 10, '0-1', 'platform/a'],
			['armv8_b', 11, '0-3', 'platform/b'],
			['armv8_c', 12, '2-3', 'platform/0'],
		],
	},
	'the event source, whatever its name': { possible: '0-1', sources: [['apple_x_pmu', 10, '0-1', 'soc/x']] },
	'one without a type is skipped': {
		possible: '0-1',
		sources: [
			['armv8_a', '', '0-1', 'platform/a', { type: { error: 'ENOENT' } }],
			['armv8_b', 11, '0-1', 'platform/b'],
		],
	},
	'a type in hexadecimal': { possible: '0-1', sources: [['armv8_a', '0xb', '0-1']] },
	'a type in octal': { possible: '0-1', sources: [['armv8_a', '013', '0-1']] },
	'the smallest path belongs to one that is not a CPU PMU': {
		possible: '0-1',
		sources: [
			['uncore', 12, '', 'platform/0', { cpus: { error: 'ENOENT' }, cpumask: text('0') }],
			['armv8_a', 10, '0-1', 'platform/a'],
		],
	},
	// What the user asks for.
	'pmu= of one that does not cover all': { ...four, settings: { pmu: '11' } },
	'pmu= before one that covers all': {
		possible: '0-1',
		sources: [...covering, ['armv8_b', 11, '0']],
		settings: { pmu: '11' },
	},
	'pmu= before backcompat-pmu': { ...four, settings: { pmu: '10', backcompatPmu: true } },
	'pmu= in hexadecimal': { ...four, settings: { pmu: '0xb' } },
	'pmu= without a PMU in KVM': { ...four, kvm: { pmuV3: 'no' }, settings: { pmu: '10' } },
	'pmu= where no vCPU with a PMU can be made': { ...four, kvm: { scratchVcpu: 'no' }, settings: { pmu: '10' } },
	'pmu= without SET_PMU': { possible: '0-1', sources: covering, kvm: { setPmu: 'no' }, settings: { pmu: '10' } },
	'pmu= before fixed counters': { ...four, kvm: { fixedCountersOnly: 'yes' }, settings: { pmu: '10' } },
	'pmu= of one that KVM refuses': { possible: '0-1', sources: covering, settings: { pmu: '9999' } },
	'pmu=0 is a type': { possible: '0-1', sources: covering, settings: { pmu: '0' } },
	'pmu=2^64-1 means not given': { possible: '0-1', sources: covering, settings: { pmu: '18446744073709551615' } },
	'pmu= that is not a number': { possible: '0-1', sources: covering, settings: { pmu: 'all' } },
	// Old machine types.
	'backcompat-pmu before one that covers all': {
		possible: '0-1',
		sources: covering,
		settings: { backcompatPmu: true },
	},
	'backcompat-pmu where none covers': { ...four, settings: { backcompatPmu: true } },
	'backcompat-pmu before fixed counters': {
		...{ ...four, kvm: { fixedCountersOnly: 'yes' } },
		settings: { backcompatPmu: true },
	},
	'backcompat-pmu without a PMU in KVM': { ...four, kvm: { pmuV3: 'no' }, settings: { backcompatPmu: true } },
	'backcompat-pmu where no vCPU with a PMU can be made': {
		...{ possible: '0-1', sources: covering, kvm: { scratchVcpu: 'no' } },
		settings: { backcompatPmu: true },
	},
	'backcompat-pmu=off': { possible: '0-1', sources: covering, settings: { backcompatPmu: false } },
	// What KVM reports.
	'no PMU in KVM': { possible: '0-1', sources: covering, kvm: { pmuV3: 'no' } },
	'no vCPU with a PMU': { possible: '0-1', sources: covering, kvm: { scratchVcpu: 'no' } },
	'no SET_PMU, one covers all': { possible: '0-1', sources: covering, kvm: { setPmu: 'no' } },
	'no SET_PMU, none covers': { ...four, kvm: { setPmu: 'no' } },
	'no SET_PMU: type and place do not matter': {
		possible: '0-1',
		sources: [['armv8_a', '', '0-1', undefined, { type: { error: 'ENOENT' }, link: { error: 'EINVAL' } }]],
		kvm: { setPmu: 'no' },
	},
	'one that covers all before fixed counters': {
		...{ possible: '0-1', sources: covering, kvm: { fixedCountersOnly: 'yes' } },
	},
	'no SET_PMU, one covers all, fixed counters': {
		...{ possible: '0-1', sources: covering, kvm: { setPmu: 'no', fixedCountersOnly: 'yes' } },
	},
	'fixed counters': { ...four, kvm: { fixedCountersOnly: 'yes' } },
	// The CPU's own option.
	'-cpu pmu=off': { possible: '0-1', sources: covering, settings: { cpuPmu: false } },
	'-cpu pmu=on': { possible: '0-1', sources: covering, settings: { cpuPmu: true } },
	'-cpu pmu=on where there is none': { ...four, settings: { cpuPmu: true } },
	'-cpu max, two vCPUs': { possible: '0-1', sources: covering, settings: { cpu: 'max', vcpus: 2 } },
	'fixed counters, two vCPUs': { ...four, kvm: { fixedCountersOnly: 'yes' }, settings: { vcpus: 2 } },
};

/**
 * Returns the telling hosts for a real host. `realType` is an event source that its KVM accepts and that stands in for
 * simulated ones; `qemu` is what is known of the QEMU.
 */
export function tellingHosts(realType: number, qemu: PmuSettings['qemu']): readonly TellingHost[] {
	const types = Object.fromEntries([8, 10, 11, 12, 13, 14].map(type => [type, realType]));
	return Object.entries(sketches).map(([title, { possible, online, present, sources = [], kvm, settings }]) => ({
		title,
		case: {
			description: {
				possible: possible === undefined ? { error: 'ENOENT' } : text(possible),
				...(online === undefined ? {} : { online: text(online) }),
				...(present === undefined ? {} : { present: text(present) }),
				eventSources: sources.map(([name, type, cpus, device = 'platform', more]) => ({
					name,
					link: { text: `../../../devices/${device}/${name}` },
					type: text(`${type}`),
					cpus: text(cpus),
					...more,
				})),
				kvm: { types, ...kvm },
			},
			settings: { machine: 'virt', accel: 'kvm', cpu: 'host', ...settings, qemu },
		},
	}));
}
