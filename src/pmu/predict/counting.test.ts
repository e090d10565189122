import test from 'ava';
import type { Counting } from '../facts.ts';
import { countingOn } from './counting.ts';

test('several CPUs are predicted alike only if each of them is', t => {
	const counting: Record<number, Counting> = {
		...{ 0: 'counts', 1: 'counts', 2: 'stops' },
		...{ 3: { unknown: 'a' }, 4: { unknown: 'a' }, 5: { unknown: 'b' } },
	};
	const on = (cpus: string) => countingOn({ counting }, cpus);
	t.is(on('0'), 'counts');
	t.is(on('0-1'), 'counts');
	t.is(on('1-2'), undefined);
	t.is(on('2'), 'stops');
	t.deepEqual(on('3-4'), { unknown: 'a' });
	t.is(on('4-5'), undefined);
	t.is(on('0,9'), undefined);
	t.is(on(''), undefined);
});
