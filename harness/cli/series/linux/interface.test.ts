import test from 'ava';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { interfaceChange } from './interface.ts';

type Check = Conformance['checks'][number];

function asked(checks: readonly Partial<Check>[], kernelLog: readonly string[] = []): Conformance {
	const every = { what: 'w', where: 'f', since: '4.6', expected: 'EBUSY', observed: 'EBUSY', why: null };
	return {
		...{ schema: 'vpmu-conformance/1', host: 'board:biglittle', kernel: '6.12', fixedCounters: 'none' },
		checks: checks.map(check => ({ id: 'a', status: 'as-ruled', ...every, ...check })),
		...{ kernelLog, deviations: 0 },
	};
}

test('what deviates only after a series is worse, and what deviates before it too is not', t => {
	const wrong = { status: 'deviates', observed: 'ok' } as const;
	t.deepEqual(interfaceChange(asked([{}]), asked([wrong])), {
		worse: ['a'],
		changed: ['a: EBUSY -> ok'],
		unasked: null,
	});
	t.deepEqual(interfaceChange(asked([wrong]), asked([wrong])), { worse: [], changed: [], unasked: null });
	t.deepEqual(interfaceChange(asked([]), asked([], ['WARNING: a'])).worse, ['kernel-log']);
});

test('an answer that changes within the rules is told; other cycles are not', t => {
	const count = { expected: 'more than 0' };
	const change = interfaceChange(
		asked([{ observed: 'ENXIO' }, { id: 'b', observed: null }, { id: 'c', observed: '5', ...count }]),
		asked([{ observed: 'ok' }, { id: 'b' }, { id: 'c', observed: '7', ...count }]),
	);
	t.deepEqual(change.changed, ['a: ENXIO -> ok', 'b: not asked -> EBUSY']);
	t.deepEqual(change.worse, []);
});

test('a kernel that could not be asked is named with the side', t => {
	const gone = { unasked: 'no PMU' };
	t.is(interfaceChange(asked([]), gone).unasked, 'after the series: no PMU');
	t.is(interfaceChange(gone, gone).unasked, 'before the series: no PMU');
});
