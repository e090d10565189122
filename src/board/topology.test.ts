import test from 'ava';
import { UsageError } from '../lib/errors.ts';
import { checkTopology, chosenCpus, layOut, listTopologies, loadTopology, maximumCpus } from './topology.ts';

const pmu = { node: 'pmu-a', compatible: 'arm,cortex-a53-pmu', cpus: 'all', overflow: 'ppi' } as const;
const topology = (pmus: unknown, more: object = {}) => ({ summary: 's', cpus: 2, pmus, ...more });

test('every shipped topology can be instantiated', async t => {
	const names = await listTopologies();
	for (const wanted of ['uniform', 'biglittle', 'three-clusters', 'overlap', 'partial', 'none']) {
		t.true(names.includes(wanted), wanted);
	}
	for (const name of names) t.is(layOut(await loadTopology(name)).topology.name, name);
});

test('fractions of the CPUs work for any number that leaves no part empty', async t => {
	const biglittle = await loadTopology('biglittle');
	const cpusOf = (count: number) => {
		const { pmus } = layOut(biglittle, count);
		return typeof pmus === 'string' ? pmus : pmus.map(pmu => pmu.cpus);
	};
	t.deepEqual(cpusOf(2), [[0], [1]]);
	t.deepEqual(cpusOf(8), [
		[0, 1, 2, 3],
		[4, 5, 6, 7],
	]);
	for (let count = 2; count <= maximumCpus; count++) {
		t.deepEqual(
			(cpusOf(count) as number[][]).flat(),
			Array.from({ length: count }, (_, cpu) => cpu),
		);
	}
	t.throws(() => cpusOf(1), { instanceOf: UsageError, message: /'biglittle' with 1 CPUs leaves no CPU for 'pmu-/ });
});

test('CPU lists', t => {
	t.deepEqual(chosenCpus('3,0-1', 4), [0, 1, 3]);
	t.deepEqual(chosenCpus('all', 3), [0, 1, 2]);
	t.throws(() => chosenCpus('0-', 4), { message: /'0-' is not a list of CPUs/ });
	t.throws(() => chosenCpus('4', 4), { message: /CPU 4 of '4': the board has only 4 CPUs/ });
});

test('a bad topology is described in one sentence', t => {
	const cases: [unknown, RegExp][] = [
		[[], /is not a JSON object/],
		[topology('stock', { colour: 1 }), /unknown field 'colour'/],
		[topology('stock', { cpus: 9 }), /with 9 CPUs; allowed: 1 to 8/],
		[topology('stock', { cpus: 1.5 }), /with 1.5 CPUs/],
		[topology('some'), /'pmus' must be 'stock', 'none' or a list/],
		[topology([{ ...pmu, node: 'cpu' }]), /'node' of PMU 0 must begin with 'pmu'/],
		[topology([{ ...pmu, extra: 1 }]), /unknown field 'extra' of PMU 0/],
		[topology([{ ...pmu, cpus: [0, 2] }]), /'cpus' of PMU 0 must be/],
		[topology([{ ...pmu, overflow: 'yes' }]), /'overflow' of PMU 0 must be 'ppi' or 'spi'/],
		[topology([pmu, pmu]), /two PMUs are named 'pmu-a'/],
		[topology([pmu, { ...pmu, node: 'pmu-b' }]), /share CPU 0, but a CPU belongs to one partition; use 'spi'/],
		[topology('stock', { offline: '0' }), /CPU 0 cannot be offline/],
		[topology('stock', { offline: '2' }), /CPU 2 of '2': the board has only 2/],
	];
	for (const [value, message] of cases) t.throws(() => checkTopology(value, 'x'), { instanceOf: UsageError, message });
});

test('for an unknown name, the known ones are listed', async t => {
	await t.throwsAsync(loadTopology('bigLittle'), {
		instanceOf: UsageError,
		message: /unknown topology 'bigLittle'.*uniform/,
	});
	await t.throwsAsync(loadTopology('../uniform'), { instanceOf: UsageError });
});
