import test from 'ava';
import { compareInspections } from './compare.ts';
import type { Inspection, MachineType } from './inspection.ts';

const machine = (name: string, backcompatPmu: boolean | null, more: Partial<MachineType> = {}): MachineType => ({
	name,
	alias: null,
	isDefault: false,
	deprecated: false,
	cpuMax: 512,
	defaultCpuType: null,
	compatProperties:
		backcompatPmu === null
			? null
			: backcompatPmu
				? [{ qomType: 'kvm-accel', property: 'backcompat-pmu', value: 'true' }]
				: [],
	backcompatPmu,
	...more,
});

const inspection = (
	has: boolean | null,
	machines: readonly MachineType[],
	more: Partial<Inspection> = {},
): Inspection => ({
	schema: 'vpmu-inspect/1',
	qemu: has ? 'patched' : 'plain',
	command: ['qemu'],
	host: 'local',
	version: '10.2.2',
	package: '',
	target: 'aarch64',
	accelerators: { enabled: 'tcg', present: ['tcg'], from: 'query-accelerators', kvm: null, notes: [] },
	acceleratorProperties: {},
	machines: { answer: machines },
	cpuModels: {},
	pmuChoice: { has, evidence: [] },
	deaths: [],
	timings: { greetingMs: 1, totalMs: 2 },
	...more,
});

test('the promise is kept', t => {
	const { invariant, findings } = compareInspections(
		inspection(false, [machine('virt-9.2', false), machine('virt-10.1', false)]),
		inspection(true, [machine('virt-9.2', true), machine('virt-10.1', true), machine('virt-10.2', false)]),
	);
	t.like(invariant, { holds: true, violations: [], unversioned: [] });
	t.deepEqual(
		findings.filter(finding => finding.severity === 'regression'),
		[],
	);
	t.true(findings.some(finding => finding.text === 'new in virt-10.2'));
	t.true(findings.some(({ text }) => text === 'kvm-accel.backcompat-pmu not set -> true in virt-9.2, virt-10.1'));
});

for (const names of [
	['virt-rhel9.0.0', 'virt-rhel9.2.0', 'virt-rhel9.4.0', 'virt-rhel9.6.0'],
	['virt-8.2-ubuntu', 'virt-9.2-ubuntu'],
	['virt-jammy', 'virt-noble'],
	['pc-q35-4.0.1'],
]) {
	test(`the machine types of distributions promise to keep their PMU too: ${names.join(', ')}`, t => {
		const of = (on: boolean) => {
			const before = inspection(
				false,
				names.map(name => machine(name, false)),
			);
			const after = inspection(
				true,
				names.map(name => machine(name, on)),
			);
			return compareInspections(before, after);
		};
		t.like(of(true).invariant, { holds: true, violations: [], unversioned: [] });
		t.like(of(false).invariant, { holds: false, violations: names, unversioned: [] });
		t.true(of(false).findings.some(finding => finding.severity === 'regression'));
	});
}

test('a machine type that was released too late breaks the promise; one without a version is only reported', t => {
	const { invariant, findings } = compareInspections(
		inspection(false, [
			machine('virt-10.1', false),
			machine('virt-11.0', false),
			machine('sbsa-ref', false),
			machine('none', false),
		]),
		inspection(true, [
			machine('virt-10.1', true),
			machine('virt-11.0', false),
			machine('sbsa-ref', false),
			machine('none', false),
		]),
	);
	t.like(invariant, {
		holds: false,
		reason: 'backcompat-pmu is on in 1 of the 2 versioned machine types that both offer, not in virt-11.0',
		violations: ['virt-11.0'],
		unversioned: ['sbsa-ref'],
	});
	t.like(findings[0], { kind: 'backcompat-pmu', severity: 'regression', machines: ['virt-11.0'] });
	t.like(findings[1], { kind: 'backcompat-pmu', severity: 'difference', machines: ['sbsa-ref'] });
});

test('between two builds with the PMU choice, no machine type may change', t => {
	const before = inspection(true, [machine('virt-10.1', true), machine('virt-10.2', false)]);
	t.is(compareInspections(before, before).invariant.holds, true);
	const after = inspection(true, [machine('virt-10.1', true), machine('virt-10.2', true)]);
	t.deepEqual(compareInspections(before, after).invariant.violations, ['virt-10.2']);
});

for (const [why, before, after] of [
	['neither has it', inspection(false, []), inspection(false, [])],
	['lost', inspection(true, []), inspection(false, [])],
	['unknown after', inspection(false, []), inspection(null, [])],
	['unknown before', inspection(null, []), inspection(true, [])],
	['not told', inspection(false, [machine('virt-9.0', null)]), inspection(true, [machine('virt-9.0', null)])],
	['nothing in common', inspection(false, [machine('raspi3b', false)]), inspection(true, [machine('raspi3b', true)])],
	['not told before', inspection(true, [machine('virt-9.0', null)]), inspection(true, [machine('virt-9.0', true)])],
	[
		'told of some',
		inspection(false, [machine('virt-9.0', false), machine('virt-9.1', false)]),
		inspection(true, [machine('virt-9.0', true), machine('virt-9.1', null)]),
	],
	['no machines', inspection(false, [], { machines: { unanswered: 'x' } }), inspection(true, [])],
] as const) {
	test(`undecided instead of guessed: ${why}`, t => {
		const { holds, reason } = compareInspections(before, after).invariant;
		t.is(holds, why === 'neither has it' ? true : null);
		t.not(reason, '');
	});
}

test('schemas are compared if both are known', t => {
	const schema = (names: readonly string[]) => ({
		answer: names
			.map(name => ({ 'meta-type': 'command', name, 'arg-type': '0', 'ret-type': '0' }))
			.concat([{ 'meta-type': 'object', name: '0', members: [] } as never]),
	});
	const before = inspection(false, [], { qmpSchema: schema(['stop']) });
	const { qmp } = compareInspections(before, inspection(false, [], { qmpSchema: schema(['stop', 'cont']) }));
	t.deepEqual(
		qmp?.changes.map(({ where, kind }) => [where, kind]),
		[['command cont', 'added']],
	);
	t.is(compareInspections(before, inspection(false, [])).qmp, null);
});

test('equal changes of many machine types are one finding', t => {
	const withProperty = (name: string, value: string) =>
		machine(name, false, { compatProperties: [{ qomType: 'virtio-pci', property: 'x', value }] });
	const { findings } = compareInspections(
		inspection(false, [
			withProperty('virt-9.0', '1'),
			withProperty('virt-9.1', '1'),
			machine('old', false, { alias: 'o' }),
		]),
		inspection(false, [withProperty('virt-9.0', '2'), withProperty('virt-9.1', '2')]),
	);
	t.deepEqual(
		findings.map(({ text }) => text),
		['no longer offered in old', 'virtio-pci.x 1 -> 2 in virt-9.0, virt-9.1'],
	);
});

test('within one version of QEMU, a compat property that a released machine type loses is a regression', t => {
	const [lost, added] = ['a', 'b'].map(property => [{ qomType: 'virtio-pci', property, value: 'off' }]);
	const severities = (version: string, next: string, alias: string | null) =>
		compareInspections(
			inspection(false, [machine('virt-9.2', false, { compatProperties: lost!, alias })], { version }),
			inspection(false, [machine('virt-9.2', false, { compatProperties: added!, alias })], { version: next }),
		).findings.flatMap(({ text, severity }) => (text.startsWith('virtio') ? [[text, severity]] : []));
	t.deepEqual(severities('10.0.13', '10.0.13', null), [
		['virtio-pci.a off -> not set in virt-9.2', 'regression'],
		['virtio-pci.b not set -> off in virt-9.2', 'difference'],
	]);
	t.is(severities('10.0.13', '10.1.0', null)[0]![1], 'difference');
	// The machine type of the release that is being developed.
	t.is(severities('9.1.50', '9.1.50', 'virt')[0]![1], 'difference');
	t.is(severities('9.1.50', '9.1.50', null)[0]![1], 'regression');
});

test('accelerator, CPU model and build', t => {
	const { findings } = compareInspections(
		inspection(false, [], {
			acceleratorProperties: {
				'kvm-accel': {
					answer: [
						{ name: 'device', type: 'string' },
						{ name: 'gone', type: 'bool' },
					],
				},
			},
			cpuModels: { max: { answer: { pmu: true, sve: true } } },
		}),
		inspection(true, [], {
			acceleratorProperties: {
				'kvm-accel': {
					answer: [
						{ name: 'device', type: 'str' },
						{ name: 'pmu', type: 'uint64', defaultValue: 18446744073709551615n },
					],
				},
			},
			cpuModels: { max: { answer: { pmu: false, new: 1 } } },
			deaths: [{ question: 'q', exit: { status: null, signal: 'SIGABRT' }, stderr: ['last'] }],
		}),
	);
	t.deepEqual(
		findings.map(({ text }) => text),
		[
			'PMU choice: no -> yes',
			'kvm-accel.device: string -> str',
			'kvm-accel.pmu: new (uint64, default 18446744073709551615)',
			'kvm-accel.gone: no longer there',
			'max.pmu: true -> false',
			'max.sve: true -> not there',
			'max.new: not there -> 1',
			'q kills QEMU with SIGABRT: last',
		],
	);
	t.is(findings.at(-1)?.severity, 'regression');
});
