import test from 'ava';
import type { Conformance } from '../../../../src/pmu/index.ts';
import { interfaceChange } from './interface.ts';
import { describeChange, verdict } from './verdict.ts';

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

test('a series fails by a new deviation alone, and is not judged if the later kernel could not be asked', t => {
	const nothing = { regressions: 0 } as Parameters<typeof verdict>[1];
	const of = (change: Parameters<typeof verdict>[3]) => verdict([0, 0], nothing, 0, change);
	t.like(of({ worse: ['a'], changed: [], unasked: null }), { code: 1 });
	t.regex(
		of({ worse: ['a'], changed: [], unasked: null }).why[0]!,
		/KVM does not answer as its source says \(kernel\): a/,
	);
	t.like(of({ worse: [], changed: ['a: ok -> EBUSY'], unasked: null }), { code: 0 });
	t.like(of({ worse: [], changed: [], unasked: 'after the series: no PMU' }), { code: 69 });
	t.like(of({ worse: [], changed: [], unasked: 'before the series: no PMU' }), { code: 0 });
	t.like(of(undefined), { code: 0 });
});

test('a change of answers is described with its deviations', t => {
	const change = { worse: ['a', 'kernel-log'], changed: ['a: EBUSY -> ok', 'b: ENXIO -> ok'], unasked: null };
	t.deepEqual(describeChange(change).split('\n').slice(1, -1), [
		'  DEVIATES a: EBUSY -> ok',
		'  b: ENXIO -> ok',
		'  DEVIATES kernel-log: the kernel logged trouble while asked',
	]);
	t.regex(describeChange({ worse: [], changed: [], unasked: null }), /answers as before/);
});
