import test from 'ava';
import type { RunEvent } from '../run/events.ts';
import { chromeTraceOf } from './chrome-trace.ts';
import { cellOf, nasty } from './testing/results.ts';

type Traced = {
	name: string;
	ph: string;
	pid: number;
	tid: number;
	ts?: number;
	dur?: number;
	args?: Record<string, unknown>;
};

const second = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
const phase = (at: number, cell: string, phase: string, host?: string) =>
	({ at: second(at), event: 'cell-phase', cell, phase, ...(host === undefined ? {} : { host }) }) as RunEvent;
const run = { id: 'r', startedAt: second(0), argv: ['vpmu', 'run'], vpmu: '0' };
const ended = (at: number, id: string): RunEvent => {
	const timings = { startMs: 500, spawnMs: 100, greetingMs: 200, shellMs: 1000, totalMs: 4000 };
	return { at: second(at), event: 'cell-end', result: cellOf('pass', { id, timings }) };
};
const events: RunEvent[] = [
	{ at: second(0), event: 'run-start', run, cells: [] },
	{ at: second(0), event: 'progress', what: 'starting board uniform' },
	...[phase(1, 'a', 'slot'), phase(1, 'b', 'slot'), phase(1, 'a', 'host'), phase(3, 'a', 'prepare', 'board:uniform')],
	{ at: second(3), event: 'progress', what: 'starting board uniform', done: 1, total: 1 },
	{ at: second(4), event: 'cell-start', cell: 'a' },
	...[phase(5.6, 'a', 'wait-to-count'), phase(6, 'a', 'count'), phase(7, 'a', 'counted')],
	ended(8, 'a'),
	...[phase(8, 'b', 'host'), phase(8, 'b', 'prepare', 'board:uniform')],
	{ at: second(9), event: 'cell-start', cell: 'b' },
	phase(10, nasty, 'host'),
	{ at: second(12), event: 'cell-note', cell: 'b', note: 'n' },
];
const traced = (given: readonly RunEvent[]) =>
	(JSON.parse(chromeTraceOf(given)) as { traceEvents: Traced[] }).traceEvents;

/** The rules by which viewers read the JSON form: complete events with times, nested in their rows, named tracks. */
function assertFormat(t: import('ava').ExecutionContext, all: readonly Traced[]): void {
	for (const { ph, pid, tid, ts, dur, name } of all) {
		t.true(['X', 'C', 'M'].includes(ph) && Number.isInteger(pid) && Number.isInteger(tid) && typeof name === 'string');
		if (ph !== 'M') t.true(Number.isInteger(ts) && ts! >= 0);
		if (ph === 'X') t.true(Number.isInteger(dur) && dur! >= 0);
	}
	const slices = all.filter(one => one.ph === 'X').map(one => ({ ...one, end: one.ts! + one.dur! }));
	for (const one of slices) {
		for (const other of slices.filter(({ pid, tid }) => pid === one.pid && tid === one.tid)) {
			const apart = one.end <= other.ts! || other.end <= one.ts!;
			const nested = (one.ts! <= other.ts! && other.end <= one.end) || (other.ts! <= one.ts! && one.end <= other.end);
			t.true(apart || nested, `${one.name} and ${other.name} overlap in one row`);
		}
		t.true(
			all.some(({ ph, pid, tid, name }) => ph === 'M' && name === 'thread_name' && pid === one.pid && tid === one.tid),
		);
	}
}

test('a trace shows each cell in a slot, its waits, boot and counts, its board, and the steps of the run', t => {
	const all = traced(events);
	assertFormat(t, all);
	const slice = (name: string, pid?: number) => {
		const found = all.find(one => one.ph === 'X' && one.name === name && (pid === undefined || one.pid === pid));
		return [found?.ts ?? Number.NaN, found?.dur ?? Number.NaN].map(microseconds => microseconds / 1e6);
	};
	t.deepEqual(slice('a', 1), [1, 7]);
	t.deepEqual(slice('waits for its host'), [1, 2]);
	t.deepEqual(slice('what it needs is made'), [3, 1]);
	t.deepEqual(slice('QEMU starts'), [4.5, 0.2]);
	t.deepEqual(slice('the guest boots'), [4.7, 0.8]);
	t.deepEqual(slice('waits to count alone'), [5.6, 0.4]);
	t.deepEqual(slice('counts alone'), [6, 1]);
	t.deepEqual(slice('a', 2), [3, 5]);
	t.deepEqual(slice('b', 3), [1, 7], 'waited for a slot');
	t.deepEqual(slice('b', 1), [8, 4], 'has no end: lasts until the last event');
	t.deepEqual(slice('starting board uniform'), [0, 3]);
	const running = all.filter(({ ph }) => ph === 'C').map(({ args }) => args?.cells);
	t.deepEqual(running, [1, 0, 1, 2, 1, 0]);
});

test('a run that was killed at any event has a trace', t => {
	for (let length = 1; length <= events.length; length++) assertFormat(t, traced(events.slice(0, length)));
});
