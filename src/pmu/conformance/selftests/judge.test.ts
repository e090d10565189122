import test from 'ava';
import { selftestCheck } from './judge.ts';

const ended = { name: 'vpmu_counter_access', status: 0, stdout: 'Random seed: 0x6b8b4567\n', stderr: '' };

test('a test that exits with 0 and says nothing against it is ok', t => {
	t.like(selftestCheck(ended), { id: 'selftest.vpmu_counter_access', observed: 'ok', status: 'as-ruled' });
	const tap = 'TAP version 13\n1..2\nok 1 a\nok 2 b\n';
	t.like(selftestCheck({ ...ended, stdout: tap }), { observed: 'ok (2 of 2 points)', status: 'as-ruled' });
});

test('a point that is not ok fails a test, even one that exits with 0', t => {
	const stdout = 'TAP version 13\n1..2\nok 1 a\nnot ok 2 b\n';
	t.like(selftestCheck({ ...ended, stdout }), {
		status: 'deviates',
		observed: 'not ok (1 of 2 points), exit 0',
		why: 'not ok 2 b',
	});
});

test('a failed assertion is told with its place', t => {
	const stderr = [
		'==== Test Assertion Failure ====',
		'  aarch64/vpmu_counter_access.c:566: pmcr_n == n',
		'  pid=112 tid=112 errno=4 - Interrupted system call',
		'     1	0x0000000000402a1b: main',
	].join('\n');
	const check = selftestCheck({ ...ended, status: 254, stderr });
	t.like(check, { status: 'deviates', observed: 'not ok, exit 254' });
	t.regex(check.why ?? '', /^aarch64\/vpmu_counter_access\.c:566: pmcr_n == n pid=112/);
	t.like(selftestCheck({ ...ended, status: null, stdout: '' }), { status: 'deviates', why: 'it says no reason' });
});

test('a test that is skipped is not taken as passed', t => {
	t.like(selftestCheck({ ...ended, status: 4, stdout: '1..0 # SKIP - no PMU\n' }), {
		...{ status: 'not-asked', observed: null },
		why: 'it was skipped: 1..0 # SKIP - no PMU',
	});
	t.is(selftestCheck({ ...ended, stdout: '1..0 # SKIP - no PMU\n' }).status, 'not-asked');
	t.is(selftestCheck({ ...ended, stdout: '1..0 # SKIP - a\nok 1 b\n' }).status, 'as-ruled');
});
