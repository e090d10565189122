import test from 'ava';
import type { CellStatus } from '../run/results.ts';
import { compareSides } from './compare.ts';
import { sideOf } from './side/side.ts';
import { type CellSketch, runOf } from './testing/cells.ts';

const compared = (before: readonly CellSketch[], after: readonly CellSketch[]) =>
	compareSides(sideOf([runOf(...before)]), sideOf([runOf(...after)]));

/** The kind of change from one status to another. */
const kindOf = (before: CellStatus, after: CellStatus) =>
	compared([{ status: before, reason: 'old' }], [{ status: after, reason: 'new' }]).changes[0]?.kind ?? 'same';

test('each pair of statuses has a kind: only a verdict that got worse is a regression', t => {
	const kinds = (before: CellStatus) =>
		(['pass', 'xfail', 'xpass', 'fail', 'skip', 'error'] as const).map(after => kindOf(before, after)).join(' ');
	t.is(kinds('pass'), 'same regression same regression stopped undecided');
	t.is(kinds('xfail'), 'fix same fix regression stopped undecided');
	t.is(kinds('fail'), 'fix finding fix same stopped undecided');
	t.is(kinds('skip'), 'runs finding runs failure same same');
	t.is(kinds('error'), 'runs finding runs failure same same');
});

test('a known finding of what both sides share is exposed, whatever the cell was before; other changes keep their kind', t => {
	const reason = 'finding F4 on 1 of 64 hosts: x';
	const kinds = (after: CellSketch, isShared?: (finding: string) => boolean) =>
		[...(['pass', 'fail', 'skip', 'error'] as const).map(status => [{ status, reason: 'old' }]), []]
			.map(was => compareSides(sideOf([runOf(...was)]), sideOf([runOf(after)]), isShared && { isShared }))
			.map(({ changes }) => changes[0]?.kind ?? 'same')
			.join(' ');
	const shows = { status: 'xfail', reason } as const;
	t.is(kinds(shows), 'regression finding finding finding finding');
	const exposed = 'exposed exposed exposed exposed exposed';
	t.is(
		kinds(shows, found => found === 'F4'),
		exposed,
	);
	t.is(
		kinds(shows, found => found === 'F5'),
		kinds(shows),
	);
	// A cell that fails is not excused by the finding that its reason names.
	const fails = { status: 'fail', reason } as const;
	t.is(
		kinds(fails, () => true),
		kinds(fails),
	);
});

test('a cell that an interrupt took the verdict of is undecided, not skipped', t => {
	for (const reason of ['interrupted while it ran', 'interrupted before it ran']) {
		const { changes, counts } = compareSides(sideOf([runOf({})]), sideOf([runOf({ status: 'skip', reason })]));
		t.is(counts.undecided, 1);
		t.is(changes[0]!.what, `pass became skip: ${reason}`);
	}
});

test('if each run has one build of QEMU, their cells correspond; if more, those of equal name do', t => {
	t.is(compared([{ qemu: '/a/qemu' }], [{ qemu: '/b/qemu' }]).same, 1);
	const both = compared(
		[{ qemu: 'debian:trixie' }, { qemu: '/a' }],
		[{ qemu: 'debian:trixie', status: 'fail' }, { qemu: '/b' }],
	);
	t.is(both.same, 1);
	t.is(both.regressions, 1);
	const unmatched = compared([{ qemu: '/a' }], [{ qemu: '/b' }, { qemu: '/c' }]);
	t.deepEqual([unmatched.same, unmatched.counts.new, unmatched.counts.gone], [0, 2, 1]);
	t.deepEqual(unmatched.notes, [
		'the cells of a QEMU that only one side has are not compared (only before: /a; only after: /b, /c)',
	]);
});

test('for runs on different hosts, statuses and rules are compared, but not names of event sources and counts', t => {
	const source = (name: string) => ({ backend: 'event-source', type: 8, name, rule: 'covers-all' });
	const on = (place: string, name: string, bootMs: number): CellSketch => ({ place, predicted: source(name), bootMs });
	const same = compared([on('ssh://a', 'armv8_cortex_a72', 10)], [on('ssh://b', 'armv8_neoverse', 99)]);
	t.is(same.same, 1);
	t.is(same.measurements.length, 0);
	t.regex(same.notes[0]!, /host ssh:\/\/a before, ssh:\/\/b after: of 1 cell, statuses, rules .* times are not/);
	t.is(compared([on('ssh://a', 'x', 1)], [{ ...on('ssh://b', 'y', 1), status: 'fail' }]).regressions, 1);
	// On one host, the event source is compared by name, since its type is given again at each boot.
	const named = compared([on('uniform', 'a72', 1)], [on('uniform', 'a53', 1)]);
	t.is(named.changes[0]?.what, 'event source a72 became event source a53: it covers all host CPUs');
});

test('a patch that changes the backend is reported by cause: one group for each rule, however many cells', t => {
	const machines = ['virt-8.2', 'virt-9.2', 'virt-10.0', 'virt'];
	const places = ['uniform', 'biglittle'];
	const cells = (qemu: string, predict: (place: string, machine: string) => CellSketch['predicted'] & object) =>
		['choice/default', 'compat/machine-versions'].flatMap(name =>
			places.flatMap(place =>
				machines.map((machine): CellSketch => ({ name, place, machine, qemu, predicted: predict(place, machine) })),
			),
		);
	const before = cells('/base', () => ({ backend: 'default', rule: 'kvm-default' }));
	const after = cells('/patched', (place, machine) =>
		machine === 'virt-8.2' || machine === 'virt-9.2'
			? { backend: 'default', rule: 'backcompat' }
			: place === 'uniform'
				? { backend: 'event-source', type: 10, name: 'armv8_pmuv3', rule: 'covers-all' }
				: { backend: 'none', rule: 'no-cover' },
	);
	const { groups, regressions, same } = compared(before, after);
	t.deepEqual(
		groups.map(({ kind, cells: ids, why, where, population }) => [kind, ids.length, population, why, where]),
		[
			[
				...['prediction', 4, 4],
				'default became event source armv8_pmuv3: it covers all host CPUs',
				'on uniform; for virt, virt-10.0',
			],
			[
				...['prediction', 4, 4],
				'default became none: nothing covers all host CPUs',
				'on biglittle; for virt, virt-10.0',
			],
			[...['rule', 8, 8], 'default, as before: set by the machine type or backcompat-pmu=on', 'for virt-9.2 and older'],
		],
	);
	t.deepEqual([regressions, same], [0, 0]);
});

test('another rule for the same backend is told apart from another backend', t => {
	const predicted = (backend: string, rule: string) => ({ predicted: { backend, rule } });
	const kinds = (before: CellSketch, after: CellSketch) =>
		compared([before], [after]).changes.map(({ kind, what }) => [kind, what]);
	t.deepEqual(kinds(predicted('default', 'kvm-default'), predicted('default', 'backcompat')), [
		['rule', 'default, as before: set by the machine type or backcompat-pmu=on (kvm-default -> backcompat)'],
	]);
	t.deepEqual(
		kinds(predicted('default', 'kvm-default'), {
			...predicted('default', 'backcompat'),
			observed: { backend: 'none' },
		}).map(([kind]) => kind),
		['prediction'],
	);
	t.deepEqual(kinds({ observed: { backend: 'none' } }, { observed: { backend: 'unknown' } }), [
		['backend', 'observed none became not visible'],
	]);
});

test('a cell that runs now is told with the reason for which it was skipped, and programs by their names', t => {
	const path = '/cache/roots/qemu-built-1/qemu-system-aarch64';
	const reason = `needs a QEMU with the PMU choice; ${path} does not know '${path}', a/b or /x`;
	const [group] = compared([{ status: 'skip', reason }], [{}]).groups;
	t.is(
		group!.why,
		"pass now; skipped before: needs a QEMU with the PMU choice; qemu-system-aarch64 does not know 'qemu-system-aarch64', a/b or /x",
	);
	t.is(
		compared([{ status: 'error', reason: 'no board' }], [{}]).groups[0]!.why,
		'pass now; without a verdict before: no board',
	);
});

test('a group that omits cells of the same place says so', t => {
	const cells = (status: CellStatus): CellSketch[] => [
		{ name: 'pmu/a', place: 'biglittle', axes: ['pmu=1'], status },
		{ name: 'pmu/a', place: 'biglittle', axes: ['pmu=2'] },
		{ name: 'pmu/a', place: 'uniform', axes: ['pmu=1'] },
	];
	const [group] = compared(cells('pass'), cells('fail')).groups;
	t.like(group, { where: 'on biglittle; with pmu=1', population: 1 });
	const twice = (status: CellStatus): CellSketch[] => [
		{ name: 'x/a', status },
		{ name: 'x/b', place: 'local', status },
		{ name: 'x/b' },
		{ name: 'x/c' },
	];
	const [both] = compared(twice('pass'), twice('fail')).groups;
	t.like(both, { where: 'in x/a, x/b', population: 3, cells: { length: 2 } });
});

test('new cells are counted among those of the run after, gone ones among those of the run before', t => {
	const { groups } = compared(
		[{ qemu: '/a' }, { qemu: '/a', axes: ['pmu=1'] }, { qemu: '/b' }],
		[{ qemu: '/c' }, { qemu: '/c', axes: ['pmu=1'], status: 'skip' }],
	);
	t.deepEqual(
		groups.map(({ kind, cells, population }) => [kind, cells.length, population]),
		[
			['new', 1, 1],
			['new', 1, 1],
			['gone', 3, 3],
		],
	);
	const many = compared([{ name: 'pmu/a' }, { name: 'pmu/b' }], [{ name: 'pmu/a' }, { name: 'pmu/c' }]);
	t.deepEqual(
		many.groups.map(({ kind, where, population }) => [kind, where, population]),
		[
			['new', 'in pmu/c', 1],
			['gone', 'in pmu/b', 1],
		],
	);
});

test('reasons that differ only in numbers and paths are one cause; findings are grouped by number', t => {
	const reasons = (reason: (at: number) => string) =>
		compared(
			[1, 2, 3].map(at => ({ axes: [`pmu=${at}`] })),
			[1, 2, 3].map(at => ({ axes: [`pmu=${at}`], status: 'fail' as const, reason: reason(at) })),
		).groups.length;
	t.is(
		reasons(at => `trace: expected type ${at}, but '/tmp/x${at}/qemu' ended with ${at * 100}`),
		1,
	);
	t.is(
		reasons(at => `cannot copy: tar: root-${'x'.repeat(at)}/lib/libc.so: file changed`),
		1,
	);
	t.is(
		reasons(at => `finding F12: for pmu=${'x'.repeat(at)}`),
		1,
	);
	t.is(
		reasons(at => `finding F${at}: another`),
		3,
	);
});

test('a cell whose status differs between attempts is flaky on either side, and not a regression', t => {
	const side = (...statuses: CellStatus[]) => sideOf(statuses.map(status => runOf({ status })));
	const kinds = (before: CellStatus[], after: CellStatus[]) => {
		const { changes, regressions } = compareSides(side(...before), side(...after));
		return [changes[0]?.kind, regressions];
	};
	t.deepEqual(kinds(['pass', 'fail'], ['fail', 'fail']), ['flaky', 0]);
	t.deepEqual(kinds(['pass', 'pass'], ['fail', 'pass']), ['flaky', 0]);
	t.deepEqual(kinds(['pass', 'pass'], ['fail', 'fail']), ['regression', 1]);
	// An infrastructure error is no verdict, so that it makes nothing flaky.
	t.deepEqual(kinds(['pass', 'error'], ['fail', 'error']), ['regression', 1]);
	const retried = compareSides(side('pass'), sideOf([runOf({ more: { flaky: true } })]));
	t.is(retried.changes[0]?.kind, 'flaky');
});

test('builds of one kernel are told apart, once for all hosts', t => {
	const run = (key: string) =>
		runOf(
			...['a', 'b', 'c', 'd'].map(place => ({
				place,
				more: {
					kernels: { guest: { source: 'debian:trixie', release: '6.12' }, board: `/cache/kernels/linux-${key}/Image` },
				},
			})),
		);
	t.deepEqual(compareSides(sideOf([run('1')]), sideOf([run('2')])).notes, [
		'the kernel of 4 hosts was 6.12 (linux-1) and is 6.12 (linux-2)',
	]);
	t.deepEqual(compareSides(sideOf([run('1')]), sideOf([run('1')])).notes, []);
});

test("other differences are named: a host's kernel, and vpmu itself", t => {
	const after = runOf({ more: { on: { host: 'board:uniform', topology: 'uniform', kernel: '6.18' } } });
	const newer = { ...after, run: { ...after.run, vpmu: '0.2.0' } };
	t.deepEqual(compareSides(sideOf([runOf({})]), sideOf([newer])).notes, [
		'the kernel of host uniform was 6.12 and is 6.18',
		'vpmu was 0.1.0 and is 0.2.0: cases and predictions may differ',
	]);
});
