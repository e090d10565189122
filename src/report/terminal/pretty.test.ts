import test from 'ava';
import { rendered } from '../../lib/text/screen.ts';
import type { PlannedCell, RunEvent } from '../../run/events.ts';
import { cellOf, resultsWith } from '../testing/results.ts';
import { PrettyReport } from './pretty.ts';

const at = '2026-01-01T00:00:00.000Z';
const planned = (qemu: string): PlannedCell => ({
	...{ id: 'a', case: 'pmu/a', title: 'a', on: 'board:uniform', qemu, accel: 'kvm', machine: 'virt' },
	...{ pmu: null, cpuPmu: null, skip: null },
});
const start = (qemu: string): RunEvent => ({
	...{ at, event: 'run-start', cells: [planned(qemu)] },
	run: { id: 'r', startedAt: at, argv: [], vpmu: '0' },
});
const step = (what: string): RunEvent => ({ at, event: 'progress', what });

test('in a log each step is printed once, and the headings precede the first row', t => {
	const report = new PrettyReport({});
	const log = [start('debian:trixie'), step('one'), step('two'), step('one'), step('two')]
		.map(event => rendered(report.receive(event)))
		.join('');
	t.is(log, '- one\n- two\n');
	const [headings, row, next] = [cellOf('pass'), cellOf('pass')]
		.map(result => rendered(report.receive({ at, event: 'cell-end', result })))
		.join('')
		.split('\n');
	t.regex(headings!, /^\s+case .* QEMU .* predicted .* observed/);
	for (const line of [row, next]) t.is(line!.indexOf('10.0.13'), headings!.indexOf('QEMU'));
});

test('a QEMU with the PMU choice is distinguished from one of the same version without it', t => {
	const rowWith = (hasPmuChoice: boolean) => {
		const report = new PrettyReport({});
		report.receive(start('/opt/qemu'));
		const qemu = { version: '10.0.13', path: '/opt/qemu', hasPmuChoice };
		return rendered(report.receive({ at, event: 'cell-end', result: cellOf('pass', { qemu }) }));
	};
	t.regex(rowWith(true), /10\.0\.13\+choice {2}virt/);
	t.notRegex(rowWith(false), /choice/);
});

test('on a terminal the headings come first, and a step replaces the one before', t => {
	const report = new PrettyReport({ columns: 160, now: () => Date.parse(at) });
	const now = '0/1  no failure  0 running  0 ms';
	t.regex(rendered(report.receive(start('debian:trixie'))), /case .* QEMU/);
	t.is(rendered(report.receive(step('one'))), `\r\u001b[K\u001b[J${now}\n  (one)`);
	t.is(rendered(report.receive(step('two'))), `\u001b[1A\r\u001b[K\u001b[J${now}\n  (two)`);
});

test('every axis that is not at its default is shown, so that no two rows are alike', t => {
	const axes = ['pmu=10', 'pmu=armv8_cortex_a72', 'backcompat-pmu=on', 'cpu.pmu=off', 'cpu.pmu=on', 'cortex-a57'];
	const more = ['vcpus=4', 'kernel=debian:bookworm', 'simulate=attribute5', 'some variant', 'tcg', 'pmu=10,vcpus=4'];
	const cells = ['virt', 'virt-9.2'].flatMap(machine =>
		['', ...axes, ...more].map(axis =>
			cellOf('pass', { id: `pmu/a[uniform,debian:trixie,${machine}${axis === '' ? '' : `,${axis}`}]`, machine }),
		),
	);
	const rows = PrettyReport.of(resultsWith(cells), 'run')
		.split('\n')
		.slice(1, cells.length + 1);
	t.is(new Set(rows).size, cells.length, rows.join('\n'));
	for (const axis of [...axes, ...more])
		t.true(
			rows.some(row => row.includes(`virt-9.2 ${axis.replace(',', ' ')} `)),
			axis,
		);
	// The columns after it stand in line.
	t.is(new Set(rows.map(row => row.indexOf('event-source 10'))).size, 1);
});

test('QEMUs of the same version are distinguished by their names', t => {
	const qemus = ['/a/before/qemu-system-aarch64', '/a/after/qemu-system-aarch64', 'debian:trixie', 'debian:sid'];
	const cells = qemus.map(path =>
		cellOf('pass', {
			id: `pmu/a[uniform,${path},virt]`,
			qemu: { version: '10.0.13', path, hasPmuChoice: false },
		}),
	);
	const shown = PrettyReport.of(resultsWith(cells), 'run').split('\n').slice(1, 5);
	const texts = shown.map(row => /10\.0\.13(?: \S+)?(?= {2})/.exec(row)?.[0]);
	t.deepEqual(texts, ['10.0.13', '10.0.13 after/qemu-system-aarch64', '10.0.13 trixie', '10.0.13 sid']);
});

test('results of other programs with meaningless ids are shown by their fields', t => {
	const row = PrettyReport.of(resultsWith([cellOf('pass', { id: 'one', pmu: '7' })]), 'run').split('\n')[1]!;
	t.regex(row, / virt pmu=7 /);
});
