import test from 'ava';
import { incidentsOf, KernelLogReader, kernelReports, withoutPrefixes } from './log.ts';

const log = [
	'[    1.000000] smp: Brought up 1 node, 2 CPUs',
	'[   12.100000] ------------[ cut here ]------------',
	'[   12.100001] refcount_t: underflow; use-after-free.',
	'[   12.100002] WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x74/0x148',
	'[   12.100003] CPU: 0 UID: 0 PID: 7 Comm: perf Not tainted 6.12.0 #1',
	'[   12.100004] ---[ end trace 0000000000000000 ]---',
	'[   13.000000] random: crng init done',
	'[   14.000000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008',
	'[   14.000001] Mem abort info:',
	'[   14.000002] Internal error: Oops: 0000000096000004 [#1] SMP',
	'[   14.000003] ---[ end trace 0000000000000000 ]---',
	'[   14.000004] Kernel panic - not syncing: Oops: Fatal exception',
	'[   14.000005] SMP: stopping secondary CPUs',
	'[   14.000006] ---[ end Kernel panic - not syncing: Oops: Fatal exception ]---',
	'[   20.000000] random: more of it',
];

test('reports are separated, each with its own lines', t => {
	const reports = kernelReports(log);
	t.deepEqual(
		reports.map(({ kind, what, line, lines }) => [kind, what, line, lines.length]),
		[
			['warning', 'refcount', 'refcount_t: underflow; use-after-free.', 2],
			['warning', 'warning', 'WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0x74/0x148', 3],
			[
				'oops',
				'null-dereference',
				'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008',
				2,
			],
			['oops', 'oops', 'Internal error: Oops: 0000000096000004 [#1] SMP', 2],
			['panic', 'panic', 'Kernel panic - not syncing: Oops: Fatal exception', 3],
		],
	);
});

test('a report whose main line was lost is still a report', t => {
	const [report, ...others] = kernelReports([
		'------------[ cut here ]------------',
		'Modules linked in:',
		'Call trace:',
	]);
	t.like(report, { kind: 'warning', line: '------------[ cut here ]------------' });
	t.is(report?.lines.length, 3);
	t.deepEqual(others, []);
});

test('the size of a report is limited', t => {
	const [report] = kernelReports(['BUG: x', ...Array.from({ length: 500 }, () => 'more')]);
	t.is(report?.lines.length, 40);
});

test('level, time, CPU and thread are removed in any order, and nothing else', t => {
	for (const prefix of [
		'<4>[   12.345678][  T123] ',
		'[   12.345678] ',
		'<12>',
		'[Tue Nov 24 10:00:00 2026] ',
		'Nov 24 10:00:00 host kernel: [ 3912.345678] ',
		'',
	]) {
		t.is(withoutPrefixes(`${prefix}[ BUG: Invalid wait context ]\r`), '[ BUG: Invalid wait context ]');
	}
});

test('reports about one fault are one incident: close in time, and without an end marker between them', t => {
	const kinds = incidentsOf(kernelReports(log)).map(incident => incident.map(report => report.kind));
	t.deepEqual(kinds, [
		['warning', 'warning'],
		['oops', 'oops', 'panic'],
	]);
	const apart = kernelReports(['[   12.0] BUG: one', '[   12.5] CPU: 0 PID: 7', '[   20.0] BUG: other']);
	t.is(incidentsOf(apart).length, 2);
	t.is(incidentsOf(kernelReports(['BUG: one', 'BUG: other'])).length, 1);
	t.is(incidentsOf(kernelReports(['BUG: one', '[   20.0] BUG: other'])).length, 1);
	t.is(incidentsOf(kernelReports(['[   12.0] BUG: one', 'BUG: other'])).length, 1);
});

test('the end of a panic is not the end of an oops', t => {
	const kinds = (lines: readonly string[]) => kernelReports(lines).map(report => report.kind);
	const [oops, end] = [
		'Internal error: Oops: 0000000096000004 [#1] SMP',
		'---[ end Kernel panic - not syncing: x ]---',
	];
	t.deepEqual(kinds([oops, end]), ['oops', 'panic']);
	t.deepEqual(kinds(['Kernel panic - not syncing: x', end]), ['panic']);
	t.deepEqual(kinds([oops, '---[ end trace 0000000000000000 ]---', 'BUG: x']), ['oops', 'bug']);
});

test('lines belong to a report up to a limit, and after an announcement until its subject is known', t => {
	const reader = new KernelLogReader();
	t.false(reader.isInReport);
	const more = () => {
		for (let line = 0; line < 50; line++) reader.push('more');
	};
	reader.push('BUG: x');
	t.true(reader.isInReport);
	more();
	t.false(reader.isInReport);
	reader.push('------------[ cut here ]------------');
	more();
	t.true(reader.isInReport);
	reader.push('WARNING: CPU: 0 PID: 77 at a.c:1 foo+0x1/0x2');
	t.false(reader.isInReport);
	t.deepEqual(
		reader.reports.map(report => report.line),
		['BUG: x', 'WARNING: CPU: 0 PID: 77 at a.c:1 foo+0x1/0x2'],
	);
});
