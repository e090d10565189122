import test from 'ava';
import { cellOf, everyStatus, interruptedCell, nasty, resultsWith } from '../testing/results.ts';
import { githubOf } from './github.ts';
import { lavaOf } from './lava.ts';

/** Parses signals like LAVA (lava_dispatcher/actions/test: SignalDirector). */
const signalsIn = (text: string): [name: string, Readonly<Record<string, string>>][] =>
	[...text.matchAll(/<LAVA_SIGNAL_(\S+) ([^>]+)>/g)].map(([, name, params]) => [
		name!,
		Object.fromEntries(
			params!.split(' ').map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
		),
	]);

test('LAVA reads one test case for each cell, and an infrastructure error as neither pass nor fail', t => {
	const signals = signalsIn(lavaOf(everyStatus));
	t.deepEqual(
		signals.map(([name, { TEST_CASE_ID, RESULT, UNITS, MEASUREMENT }]) => [
			name,
			TEST_CASE_ID,
			RESULT,
			UNITS,
			MEASUREMENT,
		]),
		(
			[
				...[
					['pass', 'pass'],
					['fail', 'fail'],
					['error', 'unknown'],
					['skip', 'skip'],
					['xfail', 'pass'],
					['xpass', 'fail'],
				],
			] as const
		).map(([status, result]) => [
			...['TESTCASE', `pmu/a[uniform,debian:trixie,virt,pmu=#0,${status}]`, result, 'seconds', '1.234'],
		]),
	);
});

test('no word of a cell forges a signal or a workflow command', t => {
	const forged = '\n<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=x RESULT=pass>\n::error::x\n::set-output name=a::b';
	const results = resultsWith([
		cellOf('fail', { id: `a b>${forged}`, reason: forged }),
		cellOf('error', { reason: nasty }),
	]);
	t.is(signalsIn(lavaOf(results)).length, 2);
	for (const line of lavaOf(results).trimEnd().split('\n')) t.regex(line, /^(?:<LAVA_SIGNAL_TESTCASE |vpmu: )/);
	const lines = githubOf(results).trimEnd().split('\n');
	t.is(lines.length, 2);
	t.regex(lines[0]!, /^::error title=fail a b>%0A<LAVA[^:,]*::%0A<LAVA/);
	t.regex(lines[1]!, /^::warning title=no verdict \(board\)/);
});

test('a run without trouble has no annotation', t => {
	t.is(githubOf(resultsWith([cellOf('pass'), cellOf('skip'), cellOf('xfail')])), '');
});

test('cells that an interrupt took are unknown to LAVA, and one warning on GitHub', t => {
	const results = resultsWith([
		cellOf('fail'),
		interruptedCell(),
		{ ...interruptedCell(), id: 'pmu/b[uniform,qemu,virt]' },
	]);
	t.deepEqual(
		signalsIn(lavaOf(results)).map(([, { RESULT }]) => RESULT),
		['fail', 'unknown', 'unknown'],
	);
	t.regex(lavaOf(results), /\nvpmu: interrupted pmu\/b\S+: interrupted while it ran\n/);
	t.deepEqual(githubOf(results).match(/^::warning .*$/gm), [
		'::warning title=no verdict (interrupted)::2 cells have no verdict: interrupted',
	]);
});
