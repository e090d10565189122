import xterm from '@xterm/headless';
import test from 'ava';
import { rendered, type ScreenText } from '../../lib/text/screen.ts';
import type { PlannedCell, RunEvent } from '../../run/events.ts';
import { cellOf } from '../testing/results.ts';
import { type PrettyOptions, PrettyReport } from './pretty.ts';

const begin = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(begin + seconds * 1000).toISOString();
const planned = (id: string): PlannedCell => ({
	...{ id, case: 'pmu/a', title: 'a', on: 'board:uniform', qemu: 'debian:trixie', accel: 'kvm', machine: 'virt' },
	...{ pmu: null, cpuPmu: null, skip: null },
});
const run = { id: 'r', startedAt: at(0), argv: [], vpmu: '0' };
const started = (seconds: number, cell: string): RunEvent => ({ at: at(seconds), event: 'cell-start', cell });
const ended = (seconds: number, id: string, status: 'pass' | 'fail' = 'pass'): RunEvent => ({
	...{ at: at(seconds), event: 'cell-end' },
	result: cellOf(status, { id, timings: { spawnMs: 1, greetingMs: 2, shellMs: 3, totalMs: 60_000 } }),
});

/** A run on a terminal: what its screen shows, empty lines left out. */
function terminal({
	cols = 160,
	rows = 24,
	...options
}: Partial<PrettyOptions> & { cols?: number; rows?: number } = {}) {
	const screen = new xterm.Terminal({ cols, rows, allowProposedApi: true, convertEol: true });
	let seconds = 0;
	const report = new PrettyReport({ columns: cols, rows, colour: true, now: () => begin + seconds * 1000, ...options });
	const write = (text: ScreenText) => new Promise<void>(done => screen.write(rendered(text), done));
	return {
		receive: async (event: RunEvent) => {
			seconds = (Date.parse(event.at) - begin) / 1000;
			await write(report.receive(event));
		},
		tick: async (to: number) => {
			seconds = to;
			const text = report.tick();
			await write(text);
			return rendered(text);
		},
		lines: () =>
			Array.from({ length: screen.buffer.active.length }, (_, row) =>
				screen.buffer.active.getLine(row)!.translateToString(true),
			).filter(line => line !== ''),
	};
}

test('a terminal shows what runs and for how long, failures so far and what is left, once and not many times', async t => {
	const { receive, tick, lines } = terminal({ jobs: 2, expectedMs: cell => (cell === 'c' ? 120_000 : undefined) });
	await receive({ at: at(0), event: 'run-start', run, cells: ['a', 'b', 'c'].map(planned) });
	await receive({ at: at(0), event: 'progress', what: 'starting board uniform', done: 3, total: 10 });
	await receive(started(5, 'a'));
	await receive(started(6, 'b'));
	await tick(65);
	t.deepEqual(lines().slice(1), [
		'0/3  no failure  2 running  65.0 s',
		...['  a  60.0 s', '  b  59.0 s', '  (starting board uniform 3/10)'],
	]);
	await receive(ended(66, 'a', 'fail'));
	await tick(96);
	const shown = lines();
	t.is(shown.filter(line => /running/.test(line)).length, 1);
	t.true(shown.includes('1/3  1 failed  1 running  96.0 s  about 60.0 s left'), shown.join('\n'));
	t.true(shown.includes('  b  90.0 s'));
	t.is(await tick(96), '', 'nothing changed, and nothing is written');
	await receive(ended(100, 'b'));
	await receive({ at: at(101), event: 'run-end', durationMs: 101_000, interrupted: false });
	t.deepEqual(
		lines().filter(line => /running|left|starting/.test(line)),
		[],
	);
	t.is(lines().filter(line => /^(pass|fail) /.test(line)).length, 2);
});

test('many cells on a small and narrow terminal take no more than its rows, and no line wraps', async t => {
	const { receive, tick, lines } = terminal({ cols: 40, rows: 10 });
	const ids = Array.from(
		{ length: 30 },
		(_, index) => `counting/every-vcpu[three-clusters,debian:trixie,virt-9.2,vcpus=${index}]`,
	);
	await receive({ at: at(0), event: 'run-start', run, cells: ids.map(planned) });
	for (const id of ids) await receive(started(1, id));
	await receive({ at: at(2), event: 'progress', what: '漢字'.repeat(50) });
	await tick(61);
	const shown = lines();
	t.is(shown.length, 9);
	t.regex(shown[1]!, /^ {2}counting\/every-vcpu.* 60\.0 s$/);
	t.is(shown[7], '  and 24 more');
	await receive(ended(70, ids[0]!));
	t.true(
		lines().some(line => /^pass {3}pmu\/a uniform 10\.0\.13 virt/.test(line)),
		lines().join('\n'),
	);
});

test('in a pipe there is no live line, and a tick writes nothing', async t => {
	const report = new PrettyReport({});
	report.receive({ at: at(0), event: 'run-start', run, cells: [planned('a')] });
	t.is(rendered(report.receive(started(1, 'a'))), '');
	t.is(report.tick(), '');
});

test('NO_COLOR: without colours, nothing but the cursor is controlled', t => {
	const report = new PrettyReport({ columns: 80, colour: false });
	report.receive({ at: at(0), event: 'run-start', run, cells: [planned('a')] });
	t.notRegex(rendered(report.receive(ended(1, 'a', 'fail'))), /\u001b\[\d*m/);
});
