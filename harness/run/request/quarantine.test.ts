import test from 'ava';
import type { CellResult } from '../../../src/run/index.ts';
import { applyQuarantine, parseQuarantine } from './quarantine.ts';

const cases = ['pmu/default-counts', 'counting/slope'];
const failed = (id: string, status: CellResult['status'] = 'fail') =>
	({ id, case: id.replace(/\[.*/, ''), status, reason: 'cycles 0', blame: 'guest' }) as unknown as CellResult;

test('lines have cells, last day and reason; comments and empty lines are skipped', t => {
	const list = '# known\n\n counting/slope[*,virt-9.2]  2027-01-31  counts twice, issue 12 \npmu/* 2027-02-28 x\n';
	t.deepEqual(parseQuarantine(list, 'list', cases), [
		{ cells: 'counting/slope[*,virt-9.2]', until: '2027-01-31', reason: 'counts twice, issue 12' },
		{ cells: 'pmu/*', until: '2027-02-28', reason: 'x' },
	]);
});

test('a meaningless line is refused with its number', t => {
	for (const [line, message] of [
		['pmu/default-counts 2027-01-31', /line 1 of quarantine list 'list' is 'pmu.*CELLS YYYY-MM-DD REASON/],
		['pmu/default-counts 2027-02-30 why', /'2027-02-30' in line 1 .* is not a day/],
		['pmu/default-count[*] 2027-02-28 why', /names no case \(did you mean 'pmu\/default-counts'\?\)/],
	] as const) {
		t.throws(() => parseQuarantine(line, 'list', cases), { message });
	}
});

test('a failure in quarantine is expected up to its last day, and fails again after it', t => {
	const entries = parseQuarantine('counting/slope[*,virt-9.2] 2027-01-31 issue 12', 'list', cases);
	const result = failed('counting/slope[uniform,debian:trixie,virt-9.2]');
	t.like(applyQuarantine(result, entries, '2027-01-31'), {
		status: 'xfail',
		reason: 'in quarantine until 2027-01-31 (issue 12): cycles 0',
		quarantine: { expired: false },
	});
	t.like(applyQuarantine(result, entries, '2027-02-01'), {
		status: 'fail',
		reason: 'cycles 0 (its quarantine ended on 2027-01-31: issue 12)',
		quarantine: { expired: true },
	});
	t.is(applyQuarantine(failed('counting/slope[uniform,debian:trixie,virt]'), entries, '2027-01-01').status, 'fail');
});

test('only failures are excused: an infrastructure error stays an error', t => {
	const entries = parseQuarantine('counting/slope 2027-01-31 issue 12', 'list', cases);
	for (const status of ['error', 'pass', 'skip', 'xpass', 'xfail'] as const) {
		t.is(applyQuarantine(failed('counting/slope[a]', status), entries, '2027-01-01').status, status);
	}
});
