import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { type HostFacts, hostModel } from '../../src/pmu/index.ts';
import { bigLittle, host, none, overlap, partial, source, uniform } from '../../src/pmu/testing/facts.ts';
import { isSourceName, pmuOn, pmusSpokenOf, resolvePmu as resolve, shapesOf as shapes } from './groups.ts';

const shapesOf = (facts: HostFacts) => shapes(hostModel(facts));
const resolvePmu = (value: string, facts: HostFacts) => resolve(value, hostModel(facts));
const cpuGroups = (facts: HostFacts) => hostModel(facts).groups.map(group => `${group.cpus}`);

test("the PMUs of a host's CPUs tell which topologies it matches", t => {
	const three = host([
		source('armv8_cortex_a53', 10, '0', 'platform/pmu-little'),
		source('armv8_cortex_a72', 11, '1', 'platform/pmu-middle'),
		source('armv8_cortex_a76', 12, '2', 'platform/pmu-big'),
	]);
	const cpus = (list: string) => ({ ...three.cpus, possible: { text: `${list}\n` }, online: { text: '0-2\n' } });
	t.deepEqual(shapesOf(uniform), ['uniform']);
	t.deepEqual(shapesOf(bigLittle), ['biglittle', 'biglittle-swapped']);
	t.deepEqual(shapesOf(overlap), ['overlap', 'overlap-swapped']);
	t.deepEqual(shapesOf(partial), ['partial']);
	t.deepEqual(shapesOf(none), ['none']);
	t.is(shapesOf({ ...three, cpus: cpus('0-2') })[0], 'three-clusters');
	const one = host([source('armv8_pmuv3_0', 10, '0-3')]);
	t.deepEqual(shapesOf({ ...one, cpus: cpus('0-3') }), ['uniform', 'offline']);
	const apart = host([source('armv8_a', 10, '0-2')], { possible: '0-3', online: '0-2' });
	t.deepEqual(shapesOf(apart), ['uniform', 'partial-offline']);
	const half = host([source('armv8_a', 10, '0-1', 'platform/a'), source('armv8_b', 11, '2-3', 'platform/b')], {
		possible: '0-3',
		online: '0-1,3',
	});
	t.deepEqual(shapesOf(half), ['biglittle', 'biglittle-swapped', 'biglittle-offline']);
	t.deepEqual(shapesOf({ ...one, cpus: { ...one.cpus, online: { error: 'ENOENT' } } }), []);
});

test('groups are CPUs with the same PMUs', t => {
	t.deepEqual(cpuGroups(bigLittle), ['0', '1']);
	t.deepEqual(cpuGroups(uniform), ['0-1']);
	t.deepEqual(cpuGroups(partial), ['0', '1']);
	t.deepEqual(cpuGroups(none), ['0-1']);
	const interleaved = host(
		[source('armv8_a', 10, '0-4,10-14', 'platform/a'), source('armv8_b', 11, '5-9,15-19', 'platform/b')],
		{ possible: '0-19' },
	);
	t.deepEqual(cpuGroups(interleaved), ['0-4,10-14', '5-9,15-19']);
});

test('values of pmu: positions and names become types, other values stay', t => {
	t.is(resolvePmu('#1', bigLittle), '11');
	t.is(resolvePmu('armv8_cortex_a53', bigLittle), '10');
	for (const text of ['9999', '-1', 'text', '']) t.is(resolvePmu(text, bigLittle), text);
	t.throws(() => resolvePmu('#2', bigLittle), { instanceOf: UsageError, message: /no event source '#2'/ });
	t.throws(() => resolvePmu('armv8_none', bigLittle), {
		instanceOf: UsageError,
		message: /armv8_cortex_a72 \(type 11\)/,
	});
	t.deepEqual([null, '#0', '#1', '10'].map(pmusSpokenOf), [0, 1, 2, 0]);
	t.deepEqual(['armv8_pmuv3_0', 'text', '10'].map(isSourceName), [true, false, false]);
});

test("a group's PMU is the one that covers it, even if that PMU's first CPU is offline", t => {
	const offline = host([source('armv8_a', 9, '0-3', 'platform/a'), source('armv8_b', 10, '4-7', 'platform/b')], {
		possible: '0-7',
		online: '1-3,6-7',
	});
	t.deepEqual(cpuGroups(offline), ['1-3', '6-7']);
	t.deepEqual(
		cpuGroups(offline).map(group => pmuOn(group, hostModel(offline))?.name),
		['armv8_a', 'armv8_b'],
	);
	t.deepEqual(
		cpuGroups(partial).map(group => pmuOn(group, hostModel(partial))?.name),
		['armv8_cortex_a53', undefined],
	);
	t.is(pmuOn('0-1', hostModel(overlap))?.name, 'armv8_cortex_a53', 'the one that was registered first');
});

test('an event source with a list of CPUs is not a CPU PMU if KVM refuses it', t => {
	const facts = host([source('armv8_a', 10, '0-1'), source('uncore', 11, '0')], {
		kvm: { setPmuTypes: { 10: 'ok', 11: 'ENXIO' } },
	});
	t.deepEqual(cpuGroups(facts), ['0-1']);
	t.deepEqual(shapesOf(facts), ['uniform']);
});
