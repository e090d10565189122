import test from 'ava';
import { describeSelftest, judgeSelftest, selftestCheck } from './judge.ts';

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
		why: 'it was skipped: no PMU',
	});
	t.is(selftestCheck({ ...ended, stdout: '1..0 # SKIP - no PMU\n' }).status, 'not-asked');
	t.is(selftestCheck({ ...ended, stdout: '1..0 # SKIP - a\nok 1 b\n' }).status, 'as-ruled');
});

test('a test that gives up, or ends before the points that it announced, has failed with the reason', t => {
	const of = (stdout: string, status = 0) => judgeSelftest({ ...ended, stdout, status });
	t.like(of('1..3\nok 1 a\nok 2 b\n'), { state: 'not-ok', why: 'it announced 3 points and gave 2' });
	t.like(of('1..1\nok 1 a\nok 2 b\n'), { state: 'not-ok', why: 'it announced 1 point and gave 2' });
	t.like(of('1..2\nok 1 a\nBail out! cannot make a VM\n'), { why: 'it gave up: cannot make a VM' });
	// Every announced point may be ok by then.
	t.like(of('1..1\nok 1 a\nBail out! lost the VM\n'), { state: 'not-ok', why: 'it gave up: lost the VM' });
	t.like(of('1..2\nok 1 a\nBail out!\n', 4), { state: 'not-ok', why: 'it gave up: it says no reason' });
	t.like(of('1..2\nok 1 a\n', 4), { state: 'not-ok' });
	t.is(describeSelftest(of('1..3\nok 1 a\nok 2 b\n')), 'not ok (2 of 2 points), exit 0');
});

test('points that are expected to fail fail nothing, and a test of skipped points alone is skipped', t => {
	const of = (stdout: string) => judgeSelftest({ ...ended, stdout });
	t.like(of('1..2\nnot ok 1 a # TODO b\nok 2 c\n'), { state: 'ok', why: null });
	t.like(of('1..2\nok 1 a # SKIP 32 bit\nok 2 b # SKIP 32 bit\n'), { state: 'skipped', why: '1 a # SKIP 32 bit' });
	t.like(of('1..2\nok 1 a # SKIP 32 bit\nok 2 b\n'), { state: 'ok' });
});

test('a signal ends no test well', t => {
	const killed = judgeSelftest({ ...ended, status: null, stdout: '1..0 # SKIP - no PMU\n' });
	t.is(killed.state, 'not-ok');
	t.is(describeSelftest(killed), 'not ok, did not end by itself');
});

test('what a hostile test prints is shortened', t => {
	const long = 'x'.repeat(100_000);
	const texts = [`not ok 1 ${long}`, `Bail out! ${long}`, `1..0 # SKIP ${long}`, long].map(
		stdout =>
			judgeSelftest({ ...ended, status: 1, stdout, stderr: `==== Test Assertion Failure ====\n${long}\n${long}` }).why,
	);
	t.true(texts.every(text => text !== null && text.length < 2100));
});

test('a test about more than PMUs is judged by its points about them, however the rest of it ends', t => {
	// As 6.12.118 prints on a board: another field than those of the PMU is at odds with the test.
	const points = ['ok 1 ID_AA64DFR0_EL1_WRPs', 'ok 2 ID_AA64DFR0_EL1_PMUVer', 'ok 3 ID_DFR0_EL1_PerfMon'];
	const stderr = '==== Test Assertion Failure ====\n  aarch64/set_id_regs.c:434: masks[idx] == 0\n';
	const of = (lines: readonly string[], status: number | null = 254) =>
		judgeSelftest({
			...{ name: 'set_id_regs', about: ['PMUVer', 'PerfMon'], status, stderr },
			stdout: ['TAP version 13', '1..87', ...lines, ''].join('\n'),
		});
	const counts = { ok: 2, 'not-ok': 0, skipped: 0, expected: 0 };
	t.like(of(points), { state: 'ok', why: null, exit: 254, planned: 2, counts });
	t.like(of(points.with(1, 'not ok 2 ID_AA64DFR0_EL1_PMUVer')), {
		state: 'not-ok',
		why: 'not ok 2 ID_AA64DFR0_EL1_PMUVer',
	});
	t.like(of(points.with(2, 'ok 3 ID_DFR0_EL1_PerfMon # SKIP 64 bit only')), {
		state: 'ok',
		counts: { ok: 1, skipped: 1 },
	});
	// One that ends before them is judged as a whole.
	t.like(of(points.slice(0, 1)), { state: 'not-ok', why: 'aarch64/set_id_regs.c:434: masks[idx] == 0' });
	t.like(of(points.slice(0, 2)), { state: 'not-ok', planned: 87 });
	t.like(of([], 4), { state: 'not-ok' });
});
