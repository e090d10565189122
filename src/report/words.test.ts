import test from 'ava';
import { cellOf } from './testing/results.ts';
import { cpusText, observedOf } from './words.ts';

test("of one of the kernel's own tests, how it ended stands in the place of a backend", t => {
	const of = (state: 'ok' | 'not-ok', ok: number, bad: number) =>
		observedOf(
			cellOf(state === 'ok' ? 'pass' : 'fail', {
				observed: { backend: 'unknown', layers: { qmp: null, trace: null, guest: null, selftest: state } },
				selftest: {
					...{ name: 'a', state, why: null, exit: 0, planned: null, points: [] },
					counts: { ok, 'not-ok': bad, skipped: 0, expected: 0 },
				},
			}),
		);
	t.is(of('ok', 0, 0), 'selftest ok');
	t.is(of('not-ok', 1, 1), 'selftest not ok (1 of 2 points)');
});

test('one CPU is a CPU, and a list of them CPUs', t => {
	t.deepEqual(['0', '12', '0-3', '0,2'].map(cpusText), ['CPU 0', 'CPU 12', 'CPUs 0-3', 'CPUs 0,2']);
});
