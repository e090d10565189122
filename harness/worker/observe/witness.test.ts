import test from 'ava';
import type { GuestReading } from '../../../src/pmu/index.ts';
import { Witness } from './witness.ts';

const reading: GuestReading = {
	...{ event: 'cycles', state: 'counted', count: 5n, runningPct: 100, pinned: '0', worked: true },
};

test('a reading is kept for the result, and is part of what was observed once there is a guest', t => {
	const witness = new Witness();
	witness.addReading(reading);
	t.is(witness.observations.guest, undefined);
	witness.observe({ guest: { pmuNode: true, eventSources: ['software'], counters: 7, readings: [] } });
	const second: GuestReading = { ...reading, count: null, state: 'stuck', vcpu: 1, doubledCount: null };
	witness.addReading(second, [reading, { ...reading, count: null, doubledCount: 9n }]);
	t.deepEqual(witness.observations.guest?.readings, [reading, second]);
	t.true(witness.observations.guest?.pmuNode);
	const plain = { event: 'cycles', runningPct: 100, pinned: '0' };
	t.deepEqual(witness.perfReadings, [
		{ ...plain, state: 'counted', count: '5' },
		{
			...{ ...plain, state: 'not-counted', count: null, vcpu: 1, doubled: null },
			samples: [
				{ count: '5', doubled: null },
				{ count: null, doubled: '9' },
			],
		},
	]);
});

test('a single measurement is not repeated as a sample', t => {
	const witness = new Witness();
	witness.addReading({ ...reading, doubledCount: 11n }, [reading]);
	t.deepEqual(witness.perfReadings, [
		{ event: 'cycles', state: 'counted', count: '5', runningPct: 100, pinned: '0', doubled: '11' },
	]);
});

test('a demand that is not met is kept by its first line, one that is met is not', t => {
	const witness = new Witness();
	witness.expect(true, 'it must count');
	witness.expect(false, 'it must stop\nmore');
	witness.unmet('it must end\nmore');
	t.deepEqual(witness.demandsUnmet, ['it must stop', 'it must end']);
});

test('notes are kept up to a limit, and moves and files are kept', t => {
	const witness = new Witness();
	for (let note = 0; note < 60; note++) witness.note(`${note}`);
	t.is(witness.notes.length, 50);
	const moved = { event: 'cycles', steps: [] } as unknown as Parameters<Witness['addMoved']>[0];
	witness.addMoved(moved);
	t.deepEqual(witness.moved, [moved]);
	witness.attach('a.log', '/tmp/a.log');
	t.deepEqual(witness.attached, { 'a.log': '/tmp/a.log' });
});
