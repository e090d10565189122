import test from 'ava';
import { parsePerfStat } from '../../../src/guest/index.ts';
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
