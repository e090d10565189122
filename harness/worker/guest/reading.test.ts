import test from 'ava';
import { parsePerfStat } from '../../../src/guest/index.ts';
import type { GuestReading } from '../../../src/pmu/index.ts';
import { isPlausible, least, type ReadingOf, readingOf } from './reading.ts';

const of = (what: Partial<ReadingOf> = {}): ReadingOf => ({
	event: 'cycles',
	index: 0,
	pinned: null,
	vcpu: undefined,
	turns: 1000,
	...what,
});
const run = (text: string, status = 0) => ({
	text,
	entries: parsePerfStat(text),
	result: { status, signal: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) } as const,
});

test('a reading has both counts, and the minimum for the work', t => {
	const reading = readingOf(of(), run('5000,,cycles,1,100.00,,'), run('9000,,cycles,1,100.00,,'));
	t.like(reading, { state: 'counted', count: 5000n, doubledCount: 9000n, least: 250n, worked: true });
	t.is(readingOf(of({ event: 'instructions' }), run('1,,instructions,1,100.00,,'), undefined).least, 4000n);
	t.is(readingOf(of({ event: 'cycles:k' }), run('1,,cycles:k,1,100.00,,'), undefined).least, undefined);
	t.is(readingOf(of({ turns: undefined }), run('1,,cycles,1,100.00,,'), undefined).least, undefined);
});

test('repeated events are matched by position', t => {
	const text = '5,,r11,1,50.00,,\n7,,r11,1,40.00,,';
	t.is(readingOf(of({ event: 'r11', index: 1 }), run(text), undefined).count, 7n);
	t.is(readingOf(of({ event: 'r11', index: 0 }), run(text), undefined).count, 5n);
});

test('without a run there is no count, and failed work counts as not done', t => {
	t.like(readingOf(of(), undefined, undefined), { state: 'stuck', count: null, worked: false });
	const text = '5000,,cycles,1,100.00,,';
	t.false(readingOf(of(), run(text, 1), run(text)).worked);
	t.false(readingOf(of(), run(text), run(text, 1)).worked);
});

test('the smaller counts of two attempts are kept, and a missing count outranks a count', t => {
	const a = readingOf(of(), run('5000,,cycles,10,100.00,,'), run('30000,,cycles,40,100.00,,'));
	const b = readingOf(of(), run('7000,,cycles,20,100.00,,'), run('10000,,cycles,30,100.00,,'));
	t.false(isPlausible(a));
	t.like(least(b, a), { count: 5000n, doubledCount: 10000n, onCounterNs: [10n, 30n] });
	t.like(least(a, b), { count: 5000n, doubledCount: 10000n, onCounterNs: [10n, 30n] });
	t.true(isPlausible(least(b, a)));
	const none = readingOf(of(), run('<not counted>,,cycles,0,0.00,,'), undefined);
	t.is(least(a, none).state, 'not-counted');
	t.is(least(none, a).state, 'not-counted');
});

test('which vCPU worked is part of a reading, with and without a count', t => {
	t.is(readingOf(of({ vcpu: 1 }), undefined, undefined).vcpu, 1);
	t.false('vcpu' in readingOf(of(), undefined, undefined));
	t.is(readingOf(of({ vcpu: 1 }), run('5,,cycles,1,100.00,,'), undefined).vcpu, 1);
});

test('members that a reading does not have are absent', t => {
	const once = readingOf(of({ turns: undefined }), run('5,,cycles,7,100.00,,'), undefined);
	t.deepEqual(Object.keys(once), ['event', 'state', 'count', 'runningPct', 'pinned', 'worked']);
	const twice = readingOf(of({ turns: undefined }), run('5,,cycles,7,100.00,,'), run('9,,cycles,8,100.00,,'));
	t.deepEqual(twice.onCounterNs, [7n, 8n]);
	const timed = run('9,,cycles,8,100.00,,');
	const untimed = { ...timed, entries: timed.entries.map(entry => ({ ...entry, runNs: null })) };
	t.false('onCounterNs' in readingOf(of(), untimed, timed));
	t.false('onCounterNs' in readingOf(of(), timed, untimed));
});

test('an event is found with its modifiers, and by its place only if it is the one', t => {
	const text = '5,,instructions,1,100.00,,\n7,,cycles:u,1,100.00,,';
	t.is(readingOf(of({ event: 'cycles:u', index: 1 }), run(text), undefined).count, 7n);
	t.is(readingOf(of({ event: 'cycles:u', index: 0 }), run(text), undefined).count, 7n);
	t.is(readingOf(of({ event: 'cycles:u', index: 9 }), run(text), undefined).count, 7n);
	t.is(readingOf(of({ event: 'branches', index: 0 }), run(text), undefined).state, 'stuck');
	const apart = {
		...run(text),
		entries: run(text).entries.map(entry => ({ ...entry, event: 'cycles', modifiers: 'u' })),
	};
	t.is(readingOf(of({ event: 'cycles:u' }), apart, undefined).count, 5n);
	t.is(readingOf(of({ event: 'cycles:k' }), apart, undefined).state, 'stuck');
});

test('of two attempts each part is the least, with the time that belongs to it', t => {
	const one: GuestReading = {
		...{ event: 'cycles', state: 'counted', runningPct: 100, pinned: null, worked: true },
		...{ count: 5n, doubledCount: 20n, onCounterNs: [50n, 200n] },
	};
	const other = { ...one, count: 7n, doubledCount: 11n, onCounterNs: [70n, 110n] as const };
	t.deepEqual(least(one, other), { ...one, doubledCount: 11n, onCounterNs: [50n, 110n] });
	t.deepEqual(least(other, one), { ...other, count: 5n, doubledCount: 11n, onCounterNs: [50n, 110n] });
	t.false(least({ ...one, worked: false }, other).worked);
	t.false(least(one, { ...other, worked: false }).worked);
	const { onCounterNs: _, ...untimed } = one;
	t.false('onCounterNs' in least(untimed, other));
	t.deepEqual(least(one, untimed).onCounterNs, [50n, 200n]);
	const { doubledCount: _d, ...once } = one;
	t.false('doubledCount' in least(once, other));
	t.is(least({ ...one, count: null }, other).count, null);
	t.is(least(one, { ...other, count: null }).count, 5n);
	t.is(least({ ...one, doubledCount: null }, other).doubledCount, null);
	t.is(least(one, { ...other, doubledCount: null }).doubledCount, 20n);
	t.deepEqual(least(one, { ...other, doubledCount: null }).onCounterNs, [50n, 200n]);
	t.is(least({ ...one, count: null }, { ...other, count: 0n }).count, null);
	const missing: GuestReading = { ...one, state: 'not-counted', count: null };
	t.is(least(one, missing), missing);
	t.is(least(missing, one), missing);
});

test('a count is taken again where twice the work counted hardly more or far more', t => {
	const plausible = (count: bigint | null, doubledCount?: bigint | null) =>
		isPlausible({
			...{ event: 'cycles', state: 'counted', runningPct: 100, pinned: null, worked: true, count },
			...(doubledCount === undefined ? {} : { doubledCount }),
		});
	for (const doubled of [1401n, 2000n, 2999n]) t.true(plausible(1000n, doubled), `${doubled}`);
	for (const doubled of [0n, 1400n, 3000n]) t.false(plausible(1000n, doubled), `${doubled}`);
	for (const [count, doubled] of [
		[0n, 5n],
		[null, 5n],
		[1000n, null],
		[1000n, undefined],
	] as const) {
		t.true(plausible(count, doubled), `${count} ${doubled}`);
	}
});
