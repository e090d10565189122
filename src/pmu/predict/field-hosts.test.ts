import test from 'ava';
import type { HostFacts, KvmFacts, PmuSettings } from '../facts.ts';
import { host, software, source } from '../testing/facts.ts';
import { predictBackend } from './predict.ts';

/** Hosts reported by users: what KVM takes by default, and what a QEMU with the choice must take. */
interface FieldHost {
	readonly name: string;
	readonly release: string;
	readonly pmus: readonly (readonly [name: string, type: number, cpus: string, device?: string])[];
	readonly possible: string;
	readonly online?: string;
	readonly allowed?: string;
	readonly uncore?: number;
	readonly kvm?: Partial<KvmFacts>;
	/** KVM's default, then the choice: `backend type`, and what a vCPU does on each CPU if that differs. */
	readonly stock: string;
	readonly choice: string;
}

const twoClusters = [
	['armv8_cortex_a55', 9, '0-3', 'platform/pmu-a55'],
	['armv8_cortex_a76', 10, '4-7', 'platform/pmu-a76'],
] as const;
const apple = [
	['apple_icestorm_pmu', 9, '0-3', 'platform/soc/pmu'],
	['apple_firestorm_pmu', 10, '4-7', 'platform/soc/pmu'],
] as const;
const interleaved = [
	['armv8_pmuv3_0', 10, '0-4,10-14', ''],
	['armv8_pmuv3_1', 11, '5-9,15-19', ''],
] as const;
const noKvmPmu: Partial<KvmFacts> = {
	...{ pmuV3: 'no', setPmu: 'no', setNrCounters: 'no', filter: 'no', scratchVcpu: 'no' },
	...{ setPmuTypes: {}, vcpuInitCpus: '' },
};

const hosts: readonly FieldHost[] = [
	{
		...{ name: 'a server with 89 uncore event sources', release: '6.8.0-45-generic-64k', possible: '0-159' },
		pmus: [['armv8_pmuv3_0', 8, '0-159', '']],
		uncore: 89,
		...{ stock: 'default 8: 0-159 counts', choice: 'event-source 8: 0-159 counts' },
	},
	{
		...{ name: 'two interleaved clusters', release: '6.17.0-1014-nvidia', pmus: interleaved, possible: '0-19' },
		...{ stock: 'default: 0-19 unknown', choice: 'none: 0-19 no-pmu' },
	},
	{
		...{ name: 'two interleaved clusters, a 5.14 with backports', release: '5.14.0-570.96.1.el9_6.aarch64+64k' },
		...{ pmus: interleaved, possible: '0-19' },
		...{ stock: 'default: 0-19 unknown', choice: 'none: 0-19 no-pmu' },
	},
	{
		...{ name: 'sockets that are possible and not there', release: '6.8.0-1009-nvidia-64k' },
		...{ pmus: [['armv8_pmuv3_0', 8, '0-143', '']], possible: '0-575', online: '0-143' },
		...{ stock: 'default 8: 0-143 counts', choice: 'none: 0-143 no-pmu' },
	},
	{
		...{ name: 'all sockets there', release: '6.8.0-1009-nvidia-64k', possible: '0-143' },
		pmus: [['armv8_pmuv3_0', 8, '0-143', '']],
		...{ stock: 'default 8: 0-143 counts', choice: 'event-source 8: 0-143 counts' },
	},
	{
		...{ name: 'isolated CPUs', release: '6.12.0', pmus: twoClusters, possible: '0-7', allowed: '0-3' },
		...{ stock: 'default 9: 0-3 counts, 4-7 stops', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'clusters found by ACPI', release: '6.6.32', possible: '0-5' },
		pmus: [
			['armv8_pmuv3_0', 8, '0-3', ''],
			['armv8_pmuv3_1', 9, '4-5', ''],
		],
		...{ stock: 'default: 0-5 unknown', choice: 'none: 0-5 no-pmu' },
	},
	{
		...{ name: 'Apple, fixed counters only', release: '6.16.8-asahi', pmus: apple, possible: '0-7' },
		kvm: { attribute5: 'yes' },
		...{ stock: 'default: 0-7 unknown', choice: 'fixed-counters-only: 0-7 counts' },
	},
	{
		...{ name: 'Apple', release: '6.16.8-asahi', pmus: apple, possible: '0-7' },
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'Apple before KVM had its PMU', release: '6.6.3-asahi', pmus: apple, possible: '0-7', kvm: noKvmPmu },
		...{ stock: 'none: 0-7 no-pmu', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'CPUs that were never online', release: '6.12.0', possible: '0-7', online: '0-3' },
		pmus: [['armv8_pmuv3_0', 8, '0-3', '']],
		...{ stock: 'default 8: 0-3 counts', choice: 'none: 0-3 no-pmu' },
	},
	{
		...{ name: 'CPU 0 offline', release: '6.12.0', pmus: twoClusters, possible: '0-7', online: '1-7' },
		...{ stock: 'default: 1-7 unknown', choice: 'none: 1-7 no-pmu' },
	},
	{
		...{ name: "a board vendor's 6.1", release: '6.1.75-vendor-rk35xx', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default 9: 0-3 counts, 4-7 stops', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: "a board vendor's 6.2", release: '6.2.16-rockchip', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default 9: 0-3 counts, 4-7 stops', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'a 6.12', release: '6.12.30-current-rockchip64', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'four CPUs of one kind', release: '6.6.51+rpt-rpi-2712', possible: '0-3' },
		pmus: [['armv8_cortex_a76', 10, '0-3', '']],
		...{ stock: 'default 10: 0-3 counts', choice: 'event-source 10: 0-3 counts' },
	},
	{
		...{ name: 'two clusters, no folder between', release: '6.8.0', possible: '0-7' },
		pmus: [
			['armv8_cortex_a55', 10, '0-3', ''],
			['armv8_cortex_a76', 11, '4-7', ''],
		],
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	// Further kernel releases of each kind.
	{
		...{ name: "a board vendor's 4.19: the last registered", release: '4.19.232', pmus: twoClusters, possible: '0-7' },
		kvm: { setPmu: 'no', setNrCounters: 'no', setPmuTypes: { 9: 'ENXIO', 10: 'ENXIO' }, vcpuInitCpus: '0-7' },
		...{ stock: 'default 10: 0-3 stops, 4-7 counts', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: '5.4: the last registered', release: '5.4.0', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default 10: 0-3 stops, 4-7 counts', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: '5.5: the first registered', release: '5.5.0', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default 9: 0-3 counts, 4-7 stops', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'a 4.18 with backports', release: '4.18.0-553.el8_10.aarch64', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'a 4.19 with backports', release: '4.19.90-2312.1.0.0255.oe1.aarch64', pmus: twoClusters },
		...{ possible: '0-7', stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'a 6.12 with backports', release: '6.12.0-55.9.1.el10_0.aarch64', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
	{
		...{ name: 'one PMU, a 5.14 with backports', release: '5.14.0-503.el9.aarch64', possible: '0-3' },
		pmus: [['armv8_pmuv3_0', 10, '0-3', '']],
		...{ stock: 'default 10: 0-3 counts', choice: 'event-source 10: 0-3 counts' },
	},
	{
		...{ name: 'a release without a version', release: 'custom', pmus: twoClusters, possible: '0-7' },
		...{ stock: 'default: 0-7 unknown', choice: 'none: 0-7 no-pmu' },
	},
];

function factsOf({
	release,
	pmus,
	possible,
	online = possible,
	allowed = online,
	uncore = 1,
	kvm,
}: FieldHost): HostFacts {
	const entries = [
		...pmus.map(([name, type, cpus, device]) => {
			const entry = source(name, type, cpus, device);
			return device === '' ? { ...entry, link: { text: `../../../devices/${name}` } } : entry;
		}),
		...Array.from({ length: uncore }, (_, index) => software(`arm_dsu_${index}`, 20 + index)),
	];
	const setPmuTypes = Object.fromEntries(
		entries
			.map(({ type }) => (type as { text: string }).text.trim())
			.map((type, index) => [type, index < pmus.length ? 'ok' : 'ENXIO']),
	);
	const facts = host(entries, { possible, online, kvm: { setPmuTypes, vcpuInitCpus: online, ...kvm } });
	return {
		...facts,
		kernel: { release, machine: 'aarch64' },
		cpus: { ...facts.cpus, allowed: { text: `${allowed}\n` } },
	};
}

function outcome(facts: HostFacts, settings: Partial<PmuSettings['qemu']>): string {
	const { backend, type, counting } = predictBackend(facts, {
		machine: 'virt',
		qemu: { hasPmuChoice: true, ...settings },
	});
	const words = Map.groupBy(Object.entries(counting), ([, word]) => (typeof word === 'string' ? word : 'unknown'));
	const parts = [...words].map(([word, all]) => `${all[0]![0]}${all.length > 1 ? `-${all.at(-1)![0]}` : ''} ${word}`);
	return `${backend}${type === undefined ? '' : ` ${type}`}: ${parts.join(', ')}`;
}

for (const one of hosts) {
	test(`${one.name} (${one.release})`, t => {
		const facts = factsOf(one);
		t.is(outcome(facts, { hasPmuChoice: false }), one.stock);
		t.is(outcome(facts, {}), one.choice);
	});
}

const because = (name: string, hasPmuChoice = false) => {
	const facts = factsOf(hosts.find(one => one.name === name)!);
	return predictBackend(facts, { machine: 'virt', qemu: { hasPmuChoice } });
};

test('a prediction that goes by the release number says so, and one that cannot says why', t => {
	t.regex(because('a 6.12').because.join('\n'), /going by its release number; it was not measured/);
	const el9 = because('two interleaved clusters, a 5.14 with backports');
	t.regex(el9.because.join('\n'), /not known from the release number \(5\.14\.0-570/);
	t.regex(JSON.stringify(el9.counting[0]), /not known from the release number.*armv8_pmuv3_0 or armv8_pmuv3_1/);
	const future = factsOf({ ...hosts.find(one => one.name === 'a 6.12')!, release: '8.1.0' });
	const prediction = predictBackend(future, { machine: 'virt', qemu: { hasPmuChoice: false } });
	t.regex(prediction.because.join('\n'), /which is newer than 7\.3, the newest that this was checked against/);
});

test('the explanation stays short with 89 uncore event sources, and the rest is kept', t => {
	const { because: sentences, considered } = because('a server with 89 uncore event sources', true);
	t.true(sentences.join('\n').length < 400, sentences.join('\n'));
	t.regex(sentences.join('\n'), /arm_dsu_0.* and 88 more \(no cpus file/);
	t.is(considered?.length, 92);
	t.deepEqual(
		considered?.filter(one => one.why === undefined).map(one => one.name),
		['armv8_pmuv3_0'],
	);
});
