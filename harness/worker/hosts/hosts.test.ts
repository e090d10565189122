import test from 'ava';
import {
	type HostFacts,
	postedStarts,
	predictBackend,
	simulatedFacts,
	simulatedNames,
} from '../../../src/pmu/index.ts';
import { uniform } from '../../../src/pmu/testing/facts.ts';
import type { MachineType } from '../../../src/qemu/index.ts';
import type { LeasedQemu } from '../../protocol/lease.ts';
import { caseArgv, parseBatch, type SeenStart } from './batch.ts';
import { type HostsReport, sentencesOf, summaryOf } from './choose.ts';
import { compareStart } from './compare.ts';
import { type DifferentialCase, randomCase, randomFrom } from './generate.ts';
import { randomHost, tellingMachines } from './random.ts';
import { shrinkCase, simplerCases } from './shrink.ts';

const facts: HostFacts = {
	...uniform,
	kvm: { ...uniform.kvm, setPmuTypes: { 1: 'ENXIO', 10: 'ok' }, vcpuInitCpus: '0-1' },
};
const options = { realType: 10, version: '10.2.2', machines: [{ name: 'virt' }, { name: 'virt-10.1' }] };

const plain: DifferentialCase = {
	description: { possible: { text: '0-1\n' } },
	settings: { machine: 'virt', accel: 'kvm', cpu: 'host', qemu: { hasPmuChoice: true, version: '10.2.2' } },
};
const chosen: SeenStart = {
	started: true,
	status: 0,
	cpuPmu: true,
	setPmu: [
		{ type: 10, ret: 0 },
		{ type: 10, ret: 0 },
	],
	setFixedCountersOnly: [],
	said: ['kvm_arm_set_pmu type 10 ret 0', 'kvm_arm_set_pmu type 10 ret 0'],
};
const crashed: SeenStart = {
	...chosen,
	started: false,
	status: 134,
	cpuPmu: null,
	setPmu: [],
	said: ['failed to allocate'],
};

test('the same seed gives the same cases, another seed gives others', t => {
	const cases = (seed: number) => {
		const random = randomFrom(seed);
		return Array.from({ length: 20 }, () => randomCase(random, options));
	};
	t.deepEqual(cases(1), cases(1));
	t.notDeepEqual(cases(1), cases(2));
});

test('random cases reach every rule and every finding that a start can show, and all are predicted', t => {
	const random = randomFrom(3);
	const rules = new Set<string>();
	const found = new Set<string>();
	for (let index = 0; index < 3000; index++) {
		const { description, settings } = randomCase(random, options);
		const known = simulatedFacts(facts, description);
		const prediction = predictBackend(known, settings);
		rules.add(prediction.rule);
		for (const start of postedStarts(known, settings)) for (const finding of start.findings) found.add(finding);
		t.true(simulatedNames(description).length > 0);
		for (const { finding } of prediction.disagreements)
			t.not(finding, 'unexplained', JSON.stringify({ description, settings }));
	}
	const every = [
		'explicit',
		'explicit-refused',
		'explicit-unused',
		'out-of-range',
		'bad-option',
		'no-kvm-pmu',
		'backcompat',
		'no-scratch-vcpu',
		'covers-all',
		'covers-all-default',
		'fixed-counters-only',
		'no-cover',
	];
	t.deepEqual([...rules].sort(), every.sort());
	t.deepEqual([...found].sort(), ['F1', 'F12', 'F13', 'F2', 'F3', 'F4', 'F5', 'F6', 'F7', 'F8'].sort());
});

test("QEMU's choice is as described, as posted, or unexplained", t => {
	t.deepEqual(compareStart(facts, plain, chosen), { outcome: 'agrees' });
	t.is(compareStart(facts, plain, { ...chosen, cpuPmu: 'absent' }).outcome, 'unexplained');
	t.is(compareStart(facts, plain, { ...chosen, setPmu: [] }).outcome, 'unexplained');
	t.is(
		compareStart(facts, plain, {
			...chosen,
			setPmu: [
				{ type: 11, ret: 0 },
				{ type: 11, ret: 0 },
			],
		}).outcome,
		'unexplained',
	);
	t.is(compareStart(facts, plain, crashed).outcome, 'unexplained');
	const folder: DifferentialCase = {
		...plain,
		description: {
			...plain.description,
			eventSources: [{ name: 'a', link: { error: 'EINVAL' }, type: { text: '10\n' }, cpus: { text: '0-1\n' } }],
		},
	};
	t.deepEqual(compareStart(facts, folder, crashed), { outcome: 'finding', findings: ['F1'] });
	t.deepEqual(compareStart(facts, folder, { ...chosen, setPmu: [], said: [], cpuPmu: 'absent' }), {
		outcome: 'agrees',
	});
});

test('the output of a batch is parsed case by case', t => {
	const output = [
		'== case 0',
		'{"QMP": {"version": {}, "capabilities": ["oob"]}}',
		'kvm_arm_set_pmu type 10 ret 0',
		'{"return": {}}',
		'{"return": true, "id": "pmu"}',
		'{"timestamp": {"seconds": 1}, "event": "SHUTDOWN"}',
		'{"return": {}, "id": "quit"}',
		'',
		'== status 0',
		'== case 1',
		'{"QMP": {"version": {}}}',
		'qemu: Failed to retrieve host CPU features',
		'== status 1',
		'== case 3',
		'{"return": tr',
		'== status 137',
		'== case 2',
		'{"error": {"class": "GenericError", "desc": "Property not found"}, "id": "pmu"}',
		'== status 0',
		'',
	].join('\n');
	t.like(parseBatch(output), [
		{ started: true, status: 0, cpuPmu: true, setPmu: [{ type: 10, ret: 0 }] },
		{ started: false, status: 1, cpuPmu: null, said: ['qemu: Failed to retrieve host CPU features'] },
		{ started: false, status: 137, said: ['{"return": tr'] },
		{ started: true, status: 0, cpuPmu: 'absent' },
	]);
});

test('a case is shrunk to what shows the difference', async t => {
	const random = randomFrom(5);
	const shows = ({ description }: DifferentialCase) =>
		!('error' in (description.eventSources ?? [])) && JSON.stringify(description.eventSources).includes('EINVAL');
	let from = randomCase(random, options);
	while (!shows(from)) from = randomCase(random, options);
	const smallest = await shrinkCase(from, async cases => cases.map(shows));
	t.true(shows(smallest));
	t.true(simplerCases(smallest).every(simpler => !shows(simpler)));
	t.is((smallest.description.eventSources as readonly unknown[]).length, 1);
	t.deepEqual(smallest.description.kvm, {});
});

test('host I of a seed is the first host of seed + I, with the machine types on both sides of the border', t => {
	const machine = (name: string, backcompatPmu: boolean, alias: string | null = null) =>
		({ name, alias, backcompatPmu }) as MachineType;
	const machines = [
		...[machine('none', false), machine('virt-2.6', true), machine('virt-9.1', true), machine('virt-9.2', true)],
		...[machine('virt-10.0', false), machine('virt-10.1', false, 'virt'), machine('raspi3b', false)],
	];
	t.deepEqual(tellingMachines(machines), [
		{ name: 'virt', backcompatPmu: false },
		{ name: 'virt-2.6', backcompatPmu: true },
		{ name: 'virt-9.2', backcompatPmu: true },
		{ name: 'virt-10.0', backcompatPmu: false },
	]);
	const leased = { qemu: { version: '10.1.0' }, inspection: { machines } } as unknown as LeasedQemu;
	t.deepEqual(randomHost(7, 3, leased, 10), randomHost(10, 0, leased, 10));
	t.notDeepEqual(randomHost(7, 3, leased, 10), randomHost(7, 4, leased, 10));
});

test('a report names the expected choice, the choice seen and the smallest host, and counts findings', t => {
	const report: HostsReport = {
		...{ asked: 60, agrees: 55, findings: { F2: 3, F1: 1 } },
		counterexamples: [{ title: 'host 4', expected: ['none'], seen: 'status 0', smallest: plain, command: 'qemu' }],
	};
	t.is(summaryOf(report), '60 hosts: 55 as predicted, known findings F1 1, F2 3, 1 unexplained');
	t.deepEqual(sentencesOf(report), [
		`host 4: expected none, but status 0; smallest host: {"possible":{"text":"0-1\\n"}} with {"machine":"virt","accel":"kvm","cpu":"host"}`,
	]);
});

test('a command line has only what was asked for', t => {
	t.is(
		caseArgv({ ...plain, settings: { ...plain.settings, pmu: '8', backcompatPmu: false, cpuPmu: true } }, ['q']).join(
			' ',
		),
		'q -machine virt,gic-version=host -accel kvm,pmu=8,backcompat-pmu=off -cpu host,pmu=on -smp 1 -m 64 -S -nodefaults -display none -trace kvm_arm_set_pmu* -qmp stdio',
	);
});
