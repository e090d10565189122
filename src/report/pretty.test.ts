import test from 'ava';
import { rendered } from '../lib/screen.ts';
import type { PlannedCell, RunEvent } from '../run/events.ts';
import { PrettyReport } from './pretty.ts';
import { cellOf } from './testing/results.ts';

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

test('in a log each step is said once, and the headings stand above the first row', t => {
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

test('a QEMU that has the choice is told from one of the same version that has not', t => {
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
	const report = new PrettyReport({ columns: 80 });
	t.regex(rendered(report.receive(start('debian:trixie'))), /case .* QEMU/);
	t.is(rendered(report.receive(step('one'))), '\r\u001b[Kone');
	t.is(rendered(report.receive(step('two'))), '\r\u001b[Ktwo');
});
