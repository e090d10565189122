import test from 'ava';
import type { PlannedCell, RunEvent } from './events.ts';
import { resultsOf } from './fold.ts';
import type { CellResult } from './results.ts';

const at = '2026-01-01T00:00:00.000Z';
const planned = (id: string, skip: string | null = null): PlannedCell => ({
	id,
	case: 'pmu/a',
	title: 'a',
	on: 'board:uniform',
	qemu: 'debian:trixie',
	accel: 'kvm',
	machine: 'virt',
	pmu: null,
	cpuPmu: null,
	skip,
});
const start = (...cells: PlannedCell[]): RunEvent => ({
	at,
	event: 'run-start',
	run: { id: 'r', startedAt: at, argv: ['vpmu', 'run'], vpmu: '0' },
	cells,
});

test('a lost cell is an error, and is not forgotten', t => {
	const { cells, summary } = resultsOf([
		start(planned('lost'), planned('never'), planned('skipped', 'no such PMU')),
		{ at, event: 'cell-start', cell: 'lost' },
		{ at, event: 'run-end', durationMs: 5, interrupted: false },
	]);
	t.deepEqual(
		cells.map(cell => [cell.status, cell.blame, cell.reason]),
		[
			['error', 'harness', 'started, and nothing was heard of it again'],
			['error', 'harness', 'never started'],
			['skip', null, 'no such PMU'],
		],
	);
	t.is(summary.error, 2);
});

test('cells that did not run because of an interrupt are skips that say so', t => {
	const { cells } = resultsOf([start(planned('late')), { at, event: 'run-end', durationMs: 5, interrupted: true }]);
	t.like(cells[0], { status: 'skip', reason: 'interrupted before it ran' });
});

test('a killed run has the duration up to its last event', t => {
	const { run } = resultsOf([start(), { at: '2026-01-01T00:00:07.000Z', event: 'progress', what: 'x' }]);
	t.is(run.durationMs, 7000);
});

test('results are in the order of the plan', t => {
	const result = (id: string) => ({ ...resultsOf([start(planned(id))]).cells[0], status: 'pass' }) as CellResult;
	const { cells } = resultsOf([
		start(planned('a'), planned('b')),
		{ at, event: 'cell-end', result: result('b') },
		{ at, event: 'cell-end', result: result('a') },
	]);
	t.deepEqual(
		cells.map(cell => cell.id),
		['a', 'b'],
	);
});

test('events without a beginning are refused', t => {
	t.throws(() => resultsOf([]), { message: /run-start/ });
});

test('the packages that a run used are in its results', t => {
	const pin = {
		suite: 'trixie',
		architecture: 'arm64',
		packages: ['a'],
		resolvedAt: at,
		suites: ['trixie'],
		absent: [],
	};
	const end = { at, event: 'run-end', durationMs: 5, interrupted: false } as const;
	t.deepEqual(resultsOf([start(), { ...end, packages: [pin] }]).run.packages, [pin]);
	t.false('packages' in resultsOf([start(), end]).run);
});
