import test from 'ava';
import { type HostFacts, postedStarts, predictBackend, simulatedFacts, simulatedNames } from '../../src/pmu/index.ts';
import { uniform } from '../../src/pmu/testing/facts.ts';
import { caseArgv, parseBatch, type SeenStart } from './batch.ts';
import { compareStart } from './compare.ts';
import { type DifferentialCase, randomCase, randomFrom } from './generate.ts';
import { shrinkCase, simplerCases } from './shrink.ts';

const facts: HostFacts = {
	...uniform,
	kvm: { ...uniform.kvm, setPmuTypes: { 1: 'ENXIO', 10: 'ok' }, vcpuInitCpus: '0-1' },
};
const options = { realType: 10, version: '10.2.2', machines: ['virt-10.1'] };

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

test('the same seed gives the same cases, another seed others', t => {
	const cases = (seed: number) => {
		const random = randomFrom(seed);
		return Array.from({ length: 20 }, () => randomCase(random, options));
	};
	t.deepEqual(cases(1), cases(1));
	t.notDeepEqual(cases(1), cases(2));
});

test('random cases reach every rule of the choice, each finding that a start can show, and all are predicted', t => {
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

test('what QEMU did is as described, as posted, or unexplained', t => {
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

test('the output of a batch is read case by case', t => {
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
		'== case 2',
		'{"error": {"class": "GenericError", "desc": "Property not found"}, "id": "pmu"}',
		'== status 0',
		'',
	].join('\n');
	t.like(parseBatch(output), [
		{ started: true, status: 0, cpuPmu: true, setPmu: [{ type: 10, ret: 0 }] },
		{ started: false, status: 1, cpuPmu: null, said: ['qemu: Failed to retrieve host CPU features'] },
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

test('a command line has only what was asked for', t => {
	t.is(
		caseArgv({ ...plain, settings: { ...plain.settings, pmu: '8', backcompatPmu: false, cpuPmu: true } }, ['q']).join(
			' ',
		),
		'q -machine virt,gic-version=3 -accel kvm,pmu=8,backcompat-pmu=off -cpu host,pmu=on -smp 1 -m 64 -S -nodefaults -display none -trace kvm_arm_set_pmu* -qmp stdio',
	);
});
