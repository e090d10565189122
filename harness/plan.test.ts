import test from 'ava';
import { UsageError } from '../src/index.ts';
import { type CaseDeclaration, planCells, type Selection } from './plan.ts';

const selection: Selection = {
	cases: [],
	on: 'board',
	qemus: ['debian:trixie', '/opt/qemu'],
	tcgQemus: [{ qemu: 'debian:trixie', skip: null }],
};
const declared = (name: string, matrix: CaseDeclaration['matrix'] = {}): CaseDeclaration => ({
	case: name,
	title: name,
	matrix,
});

test('a case without axes is one cell for each QEMU', t => {
	const cells = planCells([declared('pmu/a')], selection);
	t.deepEqual(
		cells.map(cell => cell.id),
		['pmu/a[uniform,debian:trixie,virt]', 'pmu/a[uniform,/opt/qemu,virt]'],
	);
	t.true(cells.every(cell => cell.on === 'board:uniform' && cell.cpu === 'host' && cell.skip === null));
});

test('every combination of the axes is a cell, and ids are unique', t => {
	const matrix = {
		topology: ['uniform', 'biglittle'],
		machine: ['virt', 'virt-9.2'],
		pmu: [null, '#0'],
		cpuPmu: [null, false],
		vcpus: [1, 4],
	};
	const cells = planCells([declared('pmu/a', matrix)], selection);
	t.is(cells.length, 2 * 2 * 2 * 2 * 2 * 2);
	t.is(new Set(cells.map(cell => cell.id)).size, cells.length);
});

test('a board of another topology than the case needs skips it and says why', t => {
	const [cell] = planCells([declared('pmu/a', { topology: ['biglittle'] })], { ...selection, on: 'board:uniform' });
	t.regex(cell!.skip!, /needs topology biglittle.*uniform/);
});

test('options of the command line replace the axes', t => {
	const cells = planCells([declared('pmu/a', { machine: ['virt'] })], {
		...selection,
		machines: ['virt-8.2'],
		pmus: ['8', '9'],
	});
	t.deepEqual([...new Set(cells.map(cell => cell.machine))], ['virt-8.2']);
	t.deepEqual([...new Set(cells.map(cell => cell.pmu))], ['8', '9']);
});

test('TCG cells run on this machine and can be left out or chosen', t => {
	const cases = [declared('pmu/kvm'), declared('pmu/tcg', { accel: ['tcg'] })];
	const tcg = planCells(cases, { ...selection, accel: 'tcg' });
	t.deepEqual(
		tcg.map(cell => [cell.case, cell.on, cell.cpu]),
		[['pmu/tcg', 'local', 'max']],
	);
	t.true(planCells(cases, { ...selection, accel: 'kvm' }).every(cell => cell.case === 'pmu/kvm'));
});

test('cases are chosen by name, last part, folder, path or glob', t => {
	const cases = [
		declared('pmu/default-counts'),
		declared('pmu/default-stays'),
		declared('compat/versions'),
		declared('pmu/long', { selection: 'full' }),
	];
	const chosen = (...patterns: string[]) => [
		...new Set(planCells(cases, { ...selection, cases: patterns }).map(cell => cell.case)),
	];
	t.deepEqual(chosen('pmu/default-counts'), ['pmu/default-counts']);
	t.deepEqual(chosen('default-stays'), ['pmu/default-stays']);
	t.deepEqual(chosen('compat'), ['compat/versions']);
	t.deepEqual(chosen('cases/pmu/default-counts.ts'), ['pmu/default-counts']);
	t.deepEqual(chosen('pmu/default-*'), ['pmu/default-counts', 'pmu/default-stays']);
	t.deepEqual(
		chosen('**'),
		cases.map(one => one.case),
	);
	t.deepEqual(
		chosen(),
		['pmu/default-counts', 'pmu/default-stays', 'compat/versions'],
		'the full selection must be asked for',
	);
});

test('an unknown case is named, with what was probably meant', t => {
	const error = t.throws(
		() => planCells([declared('pmu/default-counts')], { ...selection, cases: ['defalt-counts'] }),
		{ instanceOf: UsageError },
	);
	t.regex(error.message, /unknown case 'defalt-counts'.*did you mean 'default-counts'/);
});

test('shards share the cells out without loss or double', t => {
	const cases = ['a', 'b', 'c', 'd', 'e'].map(name => declared(`pmu/${name}`));
	const all = planCells(cases, selection).map(cell => cell.id);
	const parts = [1, 2, 3].flatMap(index =>
		planCells(cases, { ...selection, shard: { index, count: 3 } }).map(cell => cell.id),
	);
	t.deepEqual(parts.sort(), all.sort());
});
