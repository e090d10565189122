import test from 'ava';
import { mostPoints, parseTap } from './tap.ts';

/** As tools/testing/selftests/kselftest.h writes it. */
const recorded = [
	'Random seed: 0x6b8b4567',
	'TAP version 13',
	'1..5',
	'ok 1 ID_AA64DFR0_EL1_PMUVer',
	'ok 2 ID_DFR0_EL1_PerfMon # SKIP 32 bit guests are not supported',
	'# Registers: 12',
	'not ok 3 ID_AA64DFR0_EL1_DebugVer',
	'not ok 4 known # XFAIL of this machine',
	'    not ok 1 a point of a subtest',
	'ok 5',
	'# Totals: pass:2 fail:1 xfail:1 xpass:0 skip:1 error:0',
	'',
].join('\n');

test('points are read with their directives; subtests and comments are none', t => {
	const tap = parseTap(recorded);
	t.is(tap.planned, 5);
	t.deepEqual(tap.counts, { ok: 2, 'not-ok': 1, skipped: 1, expected: 1 });
	t.deepEqual(
		tap.points.map(({ state, text }) => `${state}: ${text}`),
		[
			'ok: 1 ID_AA64DFR0_EL1_PMUVer',
			'skipped: 2 ID_DFR0_EL1_PerfMon # SKIP 32 bit guests are not supported',
			'not-ok: 3 ID_AA64DFR0_EL1_DebugVer',
			'expected: 4 known # XFAIL of this machine',
			'ok: 5',
		],
	);
	t.deepEqual([tap.skipsAll, tap.bailedOut], [null, null]);
});

test('a skip of everything and giving up are read with their reasons', t => {
	t.like(parseTap('1..0 # SKIP - Requirement not met: kvm_has_cap(KVM_CAP_ARM_PMU_V3)\n'), {
		...{ planned: null, skipsAll: 'Requirement not met: kvm_has_cap(KVM_CAP_ARM_PMU_V3)' },
	});
	t.is(parseTap('1..0\n').skipsAll, '');
	t.is(parseTap('1..2\nok 1\nBail out! no memory\nBail out! again\n').bailedOut, 'no memory');
	t.is(parseTap('1..0 # skip a part\n1..2\nok 1 a\nok 2 b\n').planned, 2);
});

test('only lines that begin as TAP are points', t => {
	const text = 'okay 1\nnot okay\n ok 1\nnotok 1\nok\tb\r\nok';
	t.deepEqual(parseTap(text).counts, { ok: 2, 'not-ok': 0, skipped: 0, expected: 0 });
	t.is(parseTap('').planned, null);
	t.is(parseTap('1..99999999999\n').planned, null);
});

test('however much a test prints, some points are kept, each is short, and all are counted', t => {
	const many = `1..${'9'.repeat(9)}\n${`not ok 1 ${'#'.repeat(5000)}\n`.repeat(mostPoints * 2)}`;
	const tap = parseTap(many);
	t.is(tap.points.length, mostPoints);
	t.is(tap.counts['not-ok'], mostPoints * 2);
	t.true(tap.points.every(({ text }) => text.length < 300));
});
