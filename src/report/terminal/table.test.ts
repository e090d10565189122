import test from 'ava';
import { rendered } from '../../lib/text/screen.ts';
import type { PlannedCell } from '../../run/events.ts';
import type { CellResult } from '../../run/results.ts';
import { cellOf, resultsWith } from '../testing/results.ts';
import { PrettyReport } from './pretty.ts';

const at = '2026-01-01T00:00:00.000Z';
const hidden = { backend: 'unknown', layers: { qmp: null, trace: null, guest: null } };
const fixed = { backend: 'fixed-counters-only', rule: 'fixed-counters-only' };
const counted = (event: string, ...counts: string[]) =>
	counts.map(count => ({ event, state: 'counted' as const, count, runningPct: 100, pinned: null }));

/** Results whose texts are of every length that a table must hold. */
const cells: readonly CellResult[] = [
	['virt', { observed: hidden, cpuPmu: false }],
	['virt,cpu.pmu=off', { observed: hidden, cpuPmu: false }],
	['virt,simulate=fixed-counters-only', { predicted: fixed, observed: { ...fixed, layers: hidden.layers } }],
	['virt,pmu=4294967295', { pmu: '4294967295', predicted: { backend: 'event-source', type: 4294967295, rule: 'x' } }],
	['virt', { observed: hidden, cpuPmu: null, timings: { spawnMs: 1, greetingMs: 1, shellMs: 1, totalMs: 3_599_000 } }],
	['virt', { perf: [...counted('cycles', '737720000', '0', '500'), ...counted('instructions', '1', '22')] }],
].map(([axes, more], index) =>
	cellOf('pass', { id: `pmu/a[uniform,/opt/qemu,${axes as string}]`, case: `pmu/c${index}`, ...(more as object) }),
);

const planned = ({ id, case: name, cpuPmu, pmu }: CellResult): PlannedCell => ({
	...{ id, case: name, title: 'a', on: 'board:uniform', qemu: '/opt/qemu', accel: 'kvm', machine: 'virt' },
	...{ pmu, cpuPmu, skip: null },
});

/** What a run prints, without what it redraws. */
function linesOf(plan: readonly CellResult[], columns?: number): string[] {
	const report = new PrettyReport({ columns });
	const run = { id: 'r', startedAt: at, argv: [], vpmu: '0' };
	const texts = [
		report.receive({ at, event: 'run-start', run, cells: plan.map(planned) }),
		...cells.map(result => report.receive({ at, event: 'cell-end', result })),
	];
	return texts.flatMap(text =>
		rendered(text)
			.split('\n')
			.map(line => line.replaceAll(/\r|\u001b\[\w/g, ''))
			.filter(line => /^(?:pass| )/.test(line)),
	);
}

for (const columns of [150, 180, 240]) {
	test(`on a terminal with ${columns} columns every row is in line, and none is longer`, t => {
		const lines = linesOf(cells, columns);
		const [headings, ...rows] = lines;
		for (const line of lines) t.true(line.length <= columns, line);
		const passed = rows.filter(row => row.startsWith('pass'));
		t.is(passed.length, cells.length);
		for (const heading of ['predicted', 'observed', 'time']) {
			const from = headings!.indexOf(heading);
			for (const row of passed) t.regex(row.slice(from - 2, from + 1), /^ {2}\S/, row);
		}
		t.true(rows.some(row => row.includes('not visible with pmu=off  ')));
		const text = rows.map(row => row.trim()).join(' ');
		t.true(text.includes('cycles 737.72M > 0 > 500, instructions 1 > 22'), text);
	});
}

test("a run of Debian's QEMUs has its table on a terminal with 100 columns", t => {
	const report = new PrettyReport({ columns: 100 });
	const run = { id: 'r', startedAt: at, argv: [], vpmu: '0' };
	const of = (one: CellResult) => ({ ...planned(one), case: 'pmu/biglittle-moved', qemu: 'debian:trixie' });
	const text = rendered(report.receive({ at, event: 'run-start', run, cells: cells.slice(4).map(of) }));
	t.regex(text, / predicted +observed +time +counts\n/);
});

test('words that the plan left no room for are fewer, and the row stays in line', t => {
	const lines = linesOf(cells.slice(-1), 150);
	const from = lines[0]!.indexOf('time');
	const row = lines.find(line => line.includes('pmu/c0'))!;
	t.regex(row, / not visible {2,}\S/);
	t.regex(row.slice(from - 2, from + 1), /^ {2}\S/);
});

test('a cell whose QEMU was never asked, and a backend that nothing foretold, stay in line too', t => {
	const path = '/root/.cache/vpmu/roots/qemu-built-6619481dfafad9bb/qemu-system-aarch64';
	const report = new PrettyReport({ columns: 150 });
	const run = { id: 'r', startedAt: at, argv: [], vpmu: '0' };
	const lost = cellOf('skip', {
		...{ id: `pmu/c0[uniform,${path},virt]`, case: 'pmu/c0', predicted: fixed },
		qemu: { version: null, path, hasPmuChoice: null },
	});
	report.receive({ at, event: 'run-start', run, cells: [{ ...planned(cells[0]!), qemu: path, cpuPmu: null }] });
	const row = rendered(report.receive({ at, event: 'cell-end', result: lost })).split('\n')[0]!;
	t.regex(row, / {2}…9481dfafad9bb {2}virt +fixed-counters… {2}default /);
	t.true(PrettyReport.of(resultsWith([lost]), 'run').includes('  qemu-built-6619481dfafad9bb  '));
});

test('a report of a finished run is as wide as its own texts', t => {
	const [headings, ...rows] = PrettyReport.of(resultsWith(cells), 'run').split('\n');
	for (const row of rows.slice(0, cells.length)) {
		t.regex(row.slice(headings!.indexOf('time') - 2, headings!.indexOf('time') + 1), /^ {2}\S/, row);
	}
	t.true(rows[4]!.includes('not visible: the guest has no PMU'));
});

test('a name of a megabyte makes only its own row long', t => {
	const loud = resultsWith([cellOf('pass', { case: 'x'.repeat(1_000_000) }), ...Array(100).fill(cellOf('pass'))]);
	t.true(PrettyReport.of(loud, 'run').length < 1_100_000);
});
