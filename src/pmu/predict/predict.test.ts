import test from 'ava';
import type { EventSource, HostFacts, KvmFacts, PmuSettings, Prediction } from '../facts.ts';
import { bigLittle, host, none, overlap, partial, software, source, uniform } from '../testing/facts.ts';
import { predictBackend } from './predict.ts';

type Settings = Partial<Omit<PmuSettings, 'qemu'>> & Partial<PmuSettings['qemu']>;

function predict(facts: HostFacts, { hasPmuChoice = true, version, machineBackcompatPmu, ...settings }: Settings = {}) {
	return predictBackend(facts, {
		machine: 'virt',
		...settings,
		qemu: {
			hasPmuChoice,
			...(version === undefined ? {} : { version }),
			...(machineBackcompatPmu === undefined ? {} : { machineBackcompatPmu }),
		},
	});
}

const outcome = ({ backend, type, rule }: Prediction) =>
	[backend, type, rule].filter(part => part !== undefined).join(' ');
const foundIn = (prediction: Prediction) => prediction.disagreements.map(({ finding }) => finding).join(' ');
const withKvm = (facts: HostFacts, kvm: Partial<KvmFacts>): HostFacts => ({ ...facts, kvm: { ...facts.kvm, ...kvm } });
const unreadable: HostFacts = { ...uniform, cpus: { ...uniform.cpus, possible: { error: 'ENOENT' } } };
const noDevices: HostFacts = { ...uniform, eventSources: { error: 'ENOENT' } };
const five: Partial<KvmFacts> = { attribute5: 'yes' };
const noSetPmu: Partial<KvmFacts> = { setPmu: 'no' };
const plain = (entry: EventSource): EventSource => ({ ...entry, link: { error: 'EINVAL' } });

const table: readonly [title: string, facts: HostFacts, settings: Settings, expected: string, findings?: string][] = [
	// QEMU with the choice: the rows of the patch's decision, in its order
	['1 explicit', bigLittle, { pmu: '11' }, 'event-source 11 explicit'],
	['1 explicit beats an old machine type', bigLittle, { pmu: '10', backcompatPmu: true }, 'event-source 10 explicit'],
	['1 explicit in hexadecimal', bigLittle, { pmu: '0xb' }, 'event-source 11 explicit'],
	['1 explicit type that no source has', uniform, { pmu: '9999' }, 'error explicit-refused'],
	['1 explicit 0 is perf hardware', uniform, { pmu: '0' }, 'error explicit-refused'],
	['1 explicit software event source', uniform, { pmu: '1' }, 'error explicit-refused'],
	['1 explicit, KVM cannot be told', withKvm(uniform, noSetPmu), { pmu: '10' }, 'error explicit-refused'],
	[
		'1 explicit and refused, but unused',
		uniform,
		{ pmu: '9999', cpuPmu: false },
		'event-source 9999 explicit-unused',
		'F12',
	],
	['1 beyond 32 bits', uniform, { pmu: '4294967296' }, 'error out-of-range', 'F2'],
	['1 negative', uniform, { pmu: '-1' }, 'error out-of-range', 'F2'],
	['1 the default, given', uniform, { pmu: '18446744073709551615' }, 'event-source 10 covers-all'],
	['1 beyond 64 bits', uniform, { pmu: '18446744073709551616' }, 'error bad-option'],
	['1 not a number', uniform, { pmu: 'eleven' }, 'error bad-option'],
	['2 no PMU in KVM', none, {}, 'none no-kvm-pmu'],
	['2 no PMU in KVM, old machine type', none, { backcompatPmu: true }, 'none no-kvm-pmu'],
	['3 backcompat by the user', uniform, { backcompatPmu: true }, 'default 10 backcompat'],
	['3 backcompat by the machine type', uniform, { machineBackcompatPmu: true }, 'default 10 backcompat'],
	[
		'3 backcompat off by the user',
		uniform,
		{ backcompatPmu: false, machineBackcompatPmu: true },
		'event-source 10 covers-all',
	],
	['3 by version, old', uniform, { machine: 'virt-9.2', version: '10.0.13' }, 'default 10 backcompat'],
	['3 by version, new', uniform, { machine: 'virt-10.0', version: '10.0.13' }, 'event-source 10 covers-all'],
	['3 by version, port', uniform, { machine: 'virt-10.1', version: '10.2.2' }, 'default 10 backcompat'],
	['3 by version, as posted', uniform, { machine: 'virt-10.2', version: '11.1.3' }, 'default 10 backcompat'],
	['3 by version, as posted, new', uniform, { machine: 'virt-11.0', version: '11.1.3' }, 'event-source 10 covers-all'],
	['3 by version, distribution', uniform, { machine: 'virt-10.1-ubuntu', version: '10.2.2' }, 'default 10 backcompat'],
	[
		'3 by version, distribution, new',
		uniform,
		{ machine: 'virt-11.0-ubuntu', version: '11.0.0' },
		'event-source 10 covers-all',
	],
	[
		"3 by a distribution's own version",
		uniform,
		{ machine: 'virt-rhel9.6.0', version: '10.1.0' },
		'default 10 backcompat',
	],
	['4 possible unreadable', unreadable, {}, 'none no-cover'],
	[
		'4 possible unreadable, fixed counters',
		withKvm(unreadable, five),
		{},
		'fixed-counters-only fixed-counters-only',
		'F4',
	],
	['5 no vCPU with a PMU', withKvm(uniform, { scratchVcpu: 'no' }), {}, 'none no-scratch-vcpu'],
	['6 no event sources', noDevices, {}, 'none no-cover'],
	['6 no event sources, fixed counters', withKvm(noDevices, five), {}, 'fixed-counters-only fixed-counters-only', 'F4'],
	['7 covers all', uniform, {}, 'event-source 10 covers-all'],
	['7 the smaller device path of two', overlap, {}, 'event-source 11 covers-all'],
	[
		'7 path order is textual',
		host([source('a', 10, '0-1', 'pmu@2'), source('b', 11, '0-1', 'pmu@10')]),
		{},
		'event-source 11 covers-all',
	],
	['7 more than all', host([source('a', 10, '0-7')]), {}, 'event-source 10 covers-all'],
	['7 covering beats fixed counters', withKvm(uniform, five), {}, 'event-source 10 covers-all'],
	[
		'7 one that KVM refuses sorts first',
		host([source('a', 9, '0-1', 'a'), source('b', 10, '0-1', 'b')], { kvm: { setPmuTypes: { 9: 'ENXIO', 10: 'ok' } } }),
		{},
		'event-source 10 covers-all',
		'F3',
	],
	['7 a plain folder', host([plain(source('a', 10, '0-1'))]), {}, 'none no-cover', 'F1'],
	['7 a plain folder that does not cover', host([plain(source('a', 10, '0'))]), {}, 'none no-cover'],
	['7 a CPU number out of range', host([source('a', 10, '-1')]), {}, 'none no-cover', 'F6'],
	['7 a type out of range', host([source('a', '4294967306', '0-1')]), {}, 'none no-cover', 'F7'],
	['8 fixed counters', withKvm(bigLittle, five), {}, 'fixed-counters-only fixed-counters-only'],
	[
		'8 fixed counters where a CPU has no PMU',
		withKvm(partial, five),
		{},
		'fixed-counters-only fixed-counters-only',
		'F14',
	],
	['9 none covers', bigLittle, {}, 'none no-cover'],
	['9 partial', partial, { affinity: '0' }, 'none no-cover'],
	['10 KVM cannot be told, covers all', withKvm(uniform, noSetPmu), {}, 'default 10 covers-all-default'],
	[
		'11 KVM cannot be told, fixed counters',
		withKvm(bigLittle, { ...noSetPmu, ...five }),
		{},
		'fixed-counters-only fixed-counters-only',
	],
	['12 KVM cannot be told, none covers', withKvm(bigLittle, noSetPmu), {}, 'none no-cover'],
	[
		'10 reaching beyond the word of possible',
		withKvm(host([source('a', 10, '0-127')]), noSetPmu),
		{},
		'default 10 covers-all-default',
		'F5 F5',
	],
	['possible is empty', host([source('a', 10, '0')], { possible: '', online: '0' }), {}, 'none no-cover', 'F13'],
	// without the choice
	['stock', uniform, { hasPmuChoice: false }, 'default 10 kvm-default'],
	['stock, two PMUs', bigLittle, { hasPmuChoice: false }, 'default kvm-default'],
	['stock, two PMUs, started on one', bigLittle, { hasPmuChoice: false, affinity: '1' }, 'default 11 kvm-default'],
	['stock, overlap: first registered', overlap, { hasPmuChoice: false }, 'default 10 kvm-default'],
	[
		'stock, old kernel: first registered',
		{ ...bigLittle, kernel: { release: '6.1.0-40-arm64', machine: 'aarch64' } },
		{ hasPmuChoice: false, affinity: '1' },
		'default 10 kvm-default',
	],
	['stock, started where there is no PMU', partial, { hasPmuChoice: false, affinity: '1' }, 'error kvm-default'],
	['stock, no PMU', none, { hasPmuChoice: false }, 'none no-kvm-pmu'],
	['stock, option of the choice', uniform, { hasPmuChoice: false, pmu: '10' }, 'error bad-option'],
	['stock, other option of the choice', uniform, { hasPmuChoice: false, backcompatPmu: true }, 'error bad-option'],
	// -cpu ...,pmu=
	['pmu=on where there is none', bigLittle, { cpuPmu: true }, 'error no-cover'],
	['pmu=off where there is none', bigLittle, { cpuPmu: false }, 'none no-cover', 'F8'],
	['pmu=off where there is none, stock', none, { cpuPmu: false, hasPmuChoice: false }, 'error no-kvm-pmu'],
	['named model where there is none', bigLittle, { cpu: 'cortex-a57' }, 'none no-cover', 'F9'],
	// no KVM, TCG
	['no KVM', withKvm(uniform, { usable: 'no', present: false }), {}, 'error no-kvm'],
	['TCG', none, { accel: 'tcg' }, 'default tcg'],
	['TCG, pmu=off', uniform, { accel: 'tcg', cpuPmu: false }, 'none tcg-pmu-off'],
	['TCG, a model without', uniform, { accel: 'tcg', cpu: 'cortex-m4' }, 'none tcg-no-pmu'],
	['TCG, option of KVM', uniform, { accel: 'tcg', pmu: '10' }, 'error bad-option'],
	['TCG, host', uniform, { accel: 'tcg', cpu: 'host' }, 'error tcg'],
];

for (const [title, facts, settings, expected, findings = ''] of table) {
	test(title, t => {
		const prediction = predict(facts, settings);
		t.is(outcome(prediction), expected);
		t.is(foundIn(prediction), findings);
		t.true(prediction.because.length > 0, 'it is explained');
		t.true(prediction.because.every(sentence => !sentence.includes('undefined') && !sentence.includes('[object')));
	});
}

const counting: readonly [title: string, facts: HostFacts, settings: Settings, expected: Record<number, string>][] = [
	['event source of one cluster', bigLittle, { pmu: '11' }, { 0: 'cannot-run', 1: 'counts' }],
	['event source of all', uniform, {}, { 0: 'counts', 1: 'counts' }],
	['pmu=off takes the restriction away too', bigLittle, { pmu: '11', cpuPmu: false }, { 0: 'no-pmu', 1: 'no-pmu' }],
	['default, started on 0', bigLittle, { hasPmuChoice: false, affinity: '0' }, { 0: 'counts', 1: 'stops' }],
	['default, started on 1', bigLittle, { backcompatPmu: true, affinity: '1' }, { 0: 'stops', 1: 'counts' }],
	['default, started anywhere', bigLittle, { hasPmuChoice: false }, { 0: 'unknown', 1: 'unknown' }],
	['default, partial', partial, { hasPmuChoice: false, affinity: '0' }, { 0: 'counts', 1: 'stops' }],
	['none', bigLittle, {}, { 0: 'no-pmu', 1: 'no-pmu' }],
	['fixed counters', withKvm(bigLittle, five), {}, { 0: 'counts', 1: 'counts' }],
	[
		'offline CPUs are not spoken of',
		host([source('a', 10, '0-3')], { possible: '0-3', online: '0,2' }),
		{},
		{ 0: 'counts', 2: 'counts' },
	],
	['TCG', bigLittle, { accel: 'tcg' }, { 0: 'counts', 1: 'counts' }],
];

for (const [title, facts, settings, expected] of counting) {
	test(`counting: ${title}`, t => {
		const words = Object.entries(predict(facts, settings).counting).map(([cpu, word]) => [
			cpu,
			typeof word === 'string' ? word : 'unknown',
		]);
		t.deepEqual(Object.fromEntries(words), expected);
	});
}

test('what QMP, trace and guest must show', t => {
	const seen = (facts: HostFacts, settings: Settings) => {
		const { cpuPmuProperty, traceLines, guestHasPmu, events } = predict(facts, settings);
		return [cpuPmuProperty, traceLines, guestHasPmu, events];
	};
	t.deepEqual(seen(uniform, { vcpus: 2 }), [true, 3, true, 'host']);
	t.deepEqual(seen(uniform, { cpu: 'cortex-a57', vcpus: 2 }), [true, 2, true, 'host']);
	t.deepEqual(seen(uniform, { cpuPmu: false }), [false, 1, false, []]);
	t.deepEqual(seen(uniform, { backcompatPmu: true }), [true, 0, true, 'host']);
	t.deepEqual(seen(bigLittle, {}), ['absent', 0, false, []]);
	t.deepEqual(seen(withKvm(bigLittle, five), {}), [true, 2, true, ['cycles', 'r11']]);
	const fixedCounters = { eventCounters: 0, counted: '0-1', stopped: '' };
	const eventsWith = (cyclesListed: boolean) =>
		predict(withKvm(bigLittle, { ...five, fixedCounters: { ...fixedCounters, cyclesListed } }), {}).events;
	t.deepEqual([eventsWith(true), eventsWith(false)], [['cycles', 'r11'], ['r11']]);
	const unasked = { ...five, fixedCounters: { unknown: 'not tried' } };
	t.deepEqual(predict(withKvm(bigLittle, unasked), {}).events, ['cycles', 'r11']);
	t.deepEqual(seen(uniform, { accel: 'tcg', icountShift: 1 }), [true, 0, true, ['cycles', 'instructions']]);
});

test('what is unknown is assumed in words', t => {
	const unasked = { unknown: 'kvm-facts could not be run' };
	const facts = withKvm(uniform, { usable: unasked, pmuV3: unasked, setPmu: unasked, attribute5: unasked });
	const prediction = predict(facts);
	t.is(outcome(prediction), 'event-source 10 covers-all');
	t.is(prediction.because.filter(sentence => /is not known|could not be asked/.test(sentence)).length, 4);
});

test('each source that was considered has its sentence', t => {
	const sentences = predict(bigLittle).because.join('\n');
	t.regex(sentences, /not taken: armv8_cortex_a53 \(does not cover CPU 1\)/);
	t.regex(sentences, /not taken: armv8_cortex_a72 \(does not cover CPU 0\)/);
	t.regex(sentences, /not taken: software, breakpoint \(no cpus file/);
	t.regex(predict(overlap).because.join('\n'), /armv8_cortex_a53 covers all CPUs too, but .* sorts after/);
});

test('a hundred event sources on 512 CPUs are soon judged', t => {
	const many = Array.from({ length: 100 }, (_, index) =>
		source(`pmu${index}`, index + 10, `0-511`, `platform/pmu@${index}`),
	);
	const prediction = predict(host([software('x', 2), ...many], { possible: '0-511' }));
	t.is(outcome(prediction), 'event-source 10 covers-all');
	t.is(Object.keys(prediction.counting).length, 512);
});

test('virt-2.6 turns the PMU of its guests off, even one that was asked for; virt-2.7 does not', t => {
	for (const hasPmuChoice of [true, false]) {
		for (const settings of [
			{},
			{ cpuPmu: true },
			{ cpu: 'max' },
			{ cpu: 'cortex-a72' },
			{ accel: 'tcg', cpu: 'max' },
		] as const) {
			const of = (machine: string) => {
				const { guestHasPmu, cpuPmuProperty } = predict(uniform, {
					hasPmuChoice,
					machine,
					machineBackcompatPmu: true,
					...settings,
				});
				return [guestHasPmu, cpuPmuProperty];
			};
			t.deepEqual(of('virt-2.6'), [false, false], JSON.stringify(settings));
			t.deepEqual(of('virt-2.7'), [true, true], JSON.stringify(settings));
		}
	}
});

test('a KVM that makes no vCPU with a PMU on any CPU gives none, whichever CPUs QEMU may start on', t => {
	const facts = withKvm(uniform, { ...noSetPmu, scratchVcpu: 'no', vcpuInitCpus: '' });
	t.is(outcome(predict(facts)), 'none no-scratch-vcpu');
	t.is(outcome(predict(facts, { affinity: '' })), 'none no-scratch-vcpu');
});
