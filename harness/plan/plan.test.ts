import test from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { PrettyReport } from '../../src/report/index.ts';
import { resultsOf } from '../../src/run/index.ts';
import { caseFolders } from './case-files.ts';
import { collectCases } from './collect.ts';
import { type CaseDeclaration, partsOfPlace, placeOf, planCells, type Selection } from './plan.ts';
import { defaultSelection } from './select.ts';

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

test('a cell is found by the id that reports give it, and by that of another build of QEMU', t => {
	const found = (id: string, qemus: readonly string[]) =>
		planCells([declared('pmu/a')], { ...selection, qemus, cells: [id] }).map(cell => cell.id);
	for (const id of ['pmu/a[uniform,virt]', 'pmu/a[uniform,/old/qemu,virt]', 'pmu/a[uniform,/opt/qemu,virt]']) {
		t.deepEqual(found(id, ['debian:trixie', '/opt/qemu']), ['pmu/a[uniform,/opt/qemu,virt]']);
	}
	for (const [id, qemus] of [
		['pmu/a[uniform,virt]', ['debian:trixie']],
		['pmu/a[uniform,virt]', ['/a/qemu', '/b/qemu']],
		['pmu/a[uniform,/old/qemu,virt]', ['/a/qemu', '/b/qemu']],
		['pmu/a[uniform,debian:sid,virt]', ['debian:trixie', '/opt/qemu']],
	] as const) {
		t.throws(() => found(id, qemus), { instanceOf: UsageError, message: /^unknown cell 'pmu\/a\[uniform,/ });
	}
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

test('a case without a topology runs on the named board; one with a topology also runs on others', t => {
	const cases = [
		declared('pmu/a', {}),
		declared('pmu/b', { topology: ['biglittle'], otherTopologies: ['three-clusters'] }),
	];
	const skips = (on: 'board' | `board:${string}`) =>
		planCells(cases, { ...selection, qemus: ['debian:trixie'], on }).map(cell => [cell.on, cell.skip === null]);
	t.deepEqual(skips('board'), [
		['board:uniform', true],
		['board:biglittle', true],
	]);
	t.deepEqual(skips('board:three-clusters'), [
		['board:three-clusters', true],
		['board:three-clusters', true],
	]);
	t.deepEqual(skips('board:none'), [
		['board:none', true],
		['board:none', false],
	]);
});

test('a board whose topology the case does not name skips it with the reason', t => {
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

test('TCG cells run on this machine, and can be left out or selected', t => {
	const cases = [declared('pmu/kvm'), declared('pmu/tcg', { accel: ['tcg'] })];
	const tcg = planCells(cases, { ...selection, accel: 'tcg' });
	t.deepEqual(
		tcg.map(cell => [cell.case, cell.on, cell.cpu]),
		[['pmu/tcg', 'local', 'max']],
	);
	t.true(planCells(cases, { ...selection, accel: 'kvm' }).every(cell => cell.case === 'pmu/kvm'));
});

test('cases are selected by name, last part, folder, path or glob', t => {
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
		'the full selection runs only on request',
	);
});

test('an unknown case is named, with a suggestion', t => {
	const error = t.throws(
		() => planCells([declared('pmu/default-counts')], { ...selection, cases: ['defalt-counts'] }),
		{ instanceOf: UsageError },
	);
	t.regex(error.message, /unknown case 'defalt-counts'.*did you mean 'default-counts'/);
});

test('shards divide the cells without omission or overlap', t => {
	const cases = ['a', 'b', 'c', 'd', 'e'].map(name => declared(`pmu/${name}`));
	const all = planCells(cases, selection).map(cell => cell.id);
	const parts = [1, 2, 3].flatMap(index =>
		planCells(cases, { ...selection, shard: { index, count: 3 } }).map(cell => cell.id),
	);
	t.deepEqual(parts.sort(), all.sort());
});

test('unmet requirements of a case are known from programs and boards before anything starts', t => {
	const choices = { '/opt/qemu': false, '/opt/patched': true };
	const boards = {
		uniform: { pmus: ['the stock one'], overflow: true },
		overlap: { pmus: ['arm,cortex-a53-pmu', 'arm,cortex-a72-pmu'], overflow: false },
	};
	const skips = (matrix: CaseDeclaration['matrix'], qemus = ['/opt/patched']) =>
		planCells([declared('pmu/a', matrix)], { ...selection, qemus, choices, boards }).map(cell => cell.skip);
	t.deepEqual(skips({ needs: { choice: true } }, ['debian:trixie', '/opt/patched', '/opt/qemu']), [
		null,
		null,
		'needs a QEMU with the PMU choice; /opt/qemu does not know the trace event kvm_arm_set_pmu',
	]);
	t.deepEqual(skips({ topology: ['uniform', 'overlap'], pmu: ['#1'] }), [
		'needs 2 CPU PMUs; board:uniform has the stock one',
		null,
	]);
	t.deepEqual(skips({ topology: ['uniform', 'overlap'], needs: { overflow: true } }), [
		null,
		'needs overflow interrupts, which board:overlap does not deliver',
	]);
});

test('all cases can be requested, and names still restrict them', t => {
	const cases = [declared('pmu/short'), declared('pmu/long', { selection: 'full' })];
	const chosen = (...patterns: string[]) => [
		...new Set(planCells(cases, { ...selection, all: true, cases: patterns }).map(cell => cell.case)),
	];
	t.deepEqual(chosen(), ['pmu/short', 'pmu/long']);
	t.deepEqual(chosen('pmu/short'), ['pmu/short']);
});

test('variants of a case are separate cells', t => {
	const cells = planCells([declared('pmu/a', { variant: ['group 0', 'group 1'] })], {
		...selection,
		qemus: ['/opt/qemu'],
	});
	t.deepEqual(
		cells.map(cell => [cell.id, cell.variant]),
		[
			['pmu/a[uniform,/opt/qemu,virt,group 0]', 'group 0'],
			['pmu/a[uniform,/opt/qemu,virt,group 1]', 'group 1'],
		],
	);
});

test('two cases of a file with equal ids are refused by name', t => {
	const cases = [declared('pmu/a'), { ...declared('pmu/a'), title: 'another claim' }];
	const error = t.throws(() => planCells(cases, selection), { instanceOf: UsageError });
	t.regex(error.message, /two cells are called 'pmu\/a\[uniform,debian:trixie,virt\]'.*'variant'/);
});

test('an unknown topology is named with its case', t => {
	const boards = { uniform: { pmus: ['the stock one'], overflow: true } };
	const error = t.throws(() => planCells([declared('pmu/a', { topology: ['unifrom'] })], { ...selection, boards }), {
		instanceOf: UsageError,
	});
	t.regex(error.message, /unknown topology 'unifrom' in the matrix of case 'pmu\/a' \(did you mean 'uniform'\?\)/);
});

test("the user's own cases run by default, if there are any", t => {
	const own = (name: string, matrix: CaseDeclaration['matrix'] = {}) => ({ ...declared(name, matrix), isOwn: true });
	const cases = [declared('pmu/shipped'), own('mine/a'), own('mine/long', { selection: 'full' })];
	const chosen = (more: Partial<Selection>) => [
		...new Set(planCells(cases, { ...selection, ...more }).map(cell => cell.case)),
	];
	t.deepEqual(chosen({}), ['mine/a']);
	t.deepEqual(chosen({ all: true }), ['mine/a', 'mine/long']);
	t.deepEqual(chosen({ cases: ['pmu/*', 'mine/a'] }), ['pmu/shipped', 'mine/a']);
	t.deepEqual(chosen({ cases: ['**'] }), ['pmu/shipped', 'mine/a', 'mine/long']);
	t.deepEqual(chosen({ cells: ['pmu/shipped[uniform,/opt/qemu,virt]'] }), ['pmu/shipped']);
});

test("the kernel's own tests are planned once for each host, run unasked where there are some, and are skipped elsewhere", t => {
	const matrix = { variant: ['a', 'b'], selection: 'full', perHost: true, needs: { selftests: true } } as const;
	const cases = [declared('pmu/a'), declared('kernel/tests', matrix)];
	const plan = (more: Partial<Selection>) =>
		planCells(cases, { ...selection, machines: ['virt-9.2', 'virt'], pmus: ['8', '9'], ...more })
			.filter(cell => cell.case === 'kernel/tests')
			.map(({ id, skip, selftests }) => [id, skip, selftests]);
	t.deepEqual(plan({}), []);
	const ids = ['kernel/tests[uniform,debian:trixie,virt,a]', 'kernel/tests[uniform,debian:trixie,virt,b]'];
	t.deepEqual(
		plan({ selftests: { '': '/k/selftests' } }),
		ids.map(id => [id, null, '/k/selftests']),
	);
	const skip =
		"needs the kernel's own tests, and none were found: 'vpmu kernel build --selftests' puts them next to a board's kernel, '--selftests DIR' names another folder";
	t.deepEqual(
		plan({ all: true }),
		ids.map(id => [id, skip, null]),
	);
	t.deepEqual(plan({ cases: ['pmu/a'], selftests: { '': '/k/selftests' } }), []);
	t.true(
		planCells(cases, { ...selection, selftests: { '': '/k' } }).every(
			cell => (cell.selftests === null) === (cell.case === 'pmu/a'),
		),
	);
});

test('kernels of guests and of boards are axes: every combination is a cell, with its own tests of the kernel', t => {
	const tests = { variant: ['a'], perHost: true, needs: { selftests: true } } as const;
	const cases = [
		declared('pmu/a'),
		declared('pmu/own', { kernel: ['debian:sid'] }),
		declared('pmu/tcg', { accel: ['tcg'] }),
		declared('kernel/tests', tests),
	];
	const more = { qemus: ['/q'], kernels: ['small', '/g'], boardKernels: ['debian:bookworm', '/k/Image'] };
	const plan = (other: Partial<Selection> = {}) =>
		planCells(cases, { ...selection, ...more, selftests: { '/k/Image': '/k/selftests' }, ...other });
	t.deepEqual(
		plan().map(({ id, kernel, boardKernel }) => [id, kernel, boardKernel]),
		[
			['pmu/a[uniform,/q,virt,kernel=small,board-kernel=debian:bookworm]', 'small', 'debian:bookworm'],
			['pmu/a[uniform,/q,virt,kernel=small,board-kernel=/k/Image]', 'small', '/k/Image'],
			['pmu/a[uniform,/q,virt,kernel=/g,board-kernel=debian:bookworm]', '/g', 'debian:bookworm'],
			['pmu/a[uniform,/q,virt,kernel=/g,board-kernel=/k/Image]', '/g', '/k/Image'],
			['pmu/own[uniform,/q,virt,kernel=debian:sid,board-kernel=debian:bookworm]', 'debian:sid', 'debian:bookworm'],
			['pmu/own[uniform,/q,virt,kernel=debian:sid,board-kernel=/k/Image]', 'debian:sid', '/k/Image'],
			['pmu/tcg[local,debian:trixie,virt,kernel=small,tcg]', 'small', null],
			['pmu/tcg[local,debian:trixie,virt,kernel=/g,tcg]', '/g', null],
			['kernel/tests[uniform,/q,virt,board-kernel=debian:bookworm,a]', null, 'debian:bookworm'],
			['kernel/tests[uniform,/q,virt,board-kernel=/k/Image,a]', null, '/k/Image'],
		],
	);
	const tested = plan({ cases: ['kernel/tests'] });
	t.deepEqual(
		tested.map(cell => [cell.selftests, cell.skip === null]),
		[
			[null, false],
			['/k/selftests', true],
		],
	);
	t.deepEqual(tested.map(placeOf), ['board:uniform@debian:bookworm', 'board:uniform@/k/Image']);
	// Hosts that are not boards have their own kernel.
	t.true(plan({ on: 'ssh://lab@1' }).every(cell => cell.boardKernel === null && !cell.id.includes('board-kernel')));
});

test('the place of a cell has its board and the kernel of that', t => {
	const parts = (on: string, boardKernel: string | null) => partsOfPlace(placeOf({ on, boardKernel }));
	t.deepEqual(parts('board:uniform', null), { on: 'board:uniform', boardKernel: undefined });
	t.deepEqual(parts('board:uniform', '/a@b/Image'), { on: 'board:uniform', boardKernel: '/a@b/Image' });
	t.deepEqual(parts('ssh://me@lab', null), { on: 'ssh://me@lab', boardKernel: undefined });
});

test('no two rows are alike in the table of a run of all shipped cases', async t => {
	const { declarations } = await collectCases(caseFolders({ cwd: '/', env: {} }));
	const boardKernels = ['debian:bookworm', 'debian:trixie'];
	const all = {
		...defaultSelection([], 'board'),
		boardKernels,
		all: true,
		qemus: ['debian:trixie', 'debian:sid', '/opt/qemu'],
	};
	const cells = planCells(declarations, all);
	const results = resultsOf([
		{
			...{ at: '2026-01-01T00:00:00.000Z', event: 'run-start', cells },
			run: { id: 'r', startedAt: '2026-01-01T00:00:00.000Z', argv: [], vpmu: '0' },
		},
	]);
	// Give all QEMUs the same version, the worst case.
	const alike = results.cells.map(cell => ({
		...cell,
		status: 'pass' as const,
		reason: null,
		qemu: { ...cell.qemu, version: '10.0.13' },
	}));
	const rows = PrettyReport.of({ ...results, cells: alike }, 'run')
		.split('\n')
		.slice(1, cells.length + 1);
	const doubled = rows.filter((row, index) => rows.indexOf(row) !== index);
	t.deepEqual(doubled, []);
});
