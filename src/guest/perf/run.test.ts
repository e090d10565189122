import test from 'ava';
import { parsePerfStat } from './parse.ts';
import { troubleIn } from './run.ts';

test('a count of a part is not accepted in place of the requested total', t => {
	const troubleOf = (text: string, options: Partial<Parameters<typeof troubleIn>[1]> = {}) =>
		troubleIn(parsePerfStat(text), { events: ['cycles'], ...options });
	t.is(troubleOf('5,,cycles,9,100.00,,'), undefined);
	t.is(troubleOf('5,,cycles,9,100.00,,\n6,,cycles,9,100.00,,', { events: ['cycles', 'cycles'] }), undefined);
	t.is(troubleOf('CPU0,5,,cycles,9,100.00,,\nCPU1,6,,cycles,9,100.00,,', { perCpu: true }), undefined);
	t.is(troubleOf('0.250000000,5,,cycles,9,100.00,,\n0.500000000,6,,cycles,9,100.00,,', { intervalMs: 250 }), undefined);
	t.is(troubleOf('5,,instructions,9,100.00,,'), 'did not report on cycles');
	t.is(troubleOf('CPU0,5,,cycles,9,100.00,,'), 'reported cycles of 0 only, although the total was requested');
	t.is(
		troubleOf('5,,cycles,machine.slice,9,100.00,,'),
		'reported cycles of machine.slice only, although the total was requested',
	);
	t.is(
		troubleOf('vmstat-5,5,,cycles,9,100.00,,', { perCpu: true }),
		'reported cycles of vmstat-5 only, although the total was requested',
	);
	t.is(
		troubleOf('5,,cycles,9,100.00,,\n6,,cycles,9,100.00,,'),
		'reported cycles more often than requested: each count is a part',
	);
});
