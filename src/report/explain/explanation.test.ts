import test from 'ava';
import type { CellResult } from '../../run/results.ts';
import { cellOf, nasty } from '../testing/results.ts';
import { explanationOf, isWrong } from './explanation.ts';
import { explanationLines } from './text.ts';

const wrongType = cellOf('fail', {
	...{ id: 'pmu/a[uniform,debian:trixie,virt]', blame: 'qemu', reason: 'trace: expected type 10, but type 9 was set' },
	predicted: {
		...{ backend: 'event-source', type: 10, name: 'armv8_pmuv3', rule: 'covers-all' },
		because: ['KVM can be told which event source to use', 'armv8_pmuv3 covers all CPUs (0-3)'],
	},
	observed: {
		backend: 'event-source',
		type: 9,
		layers: { qmp: 'KVM enabled', trace: 'type 9 ret 0', guest: '/pmu node' },
	},
	disagreements: [{ layer: 'trace', check: 'trace-type', expected: 'event source type 10', seen: 'type 9 was set' }],
	logs: {
		guest: {
			unread: null,
			reports: [{ name: 'oops', lines: ['Unable to handle', 'pc : x', 'lr : y', 'more'] }],
			known: [],
		},
		host: null,
		qemu: { events: [], stderr: ['warning: odd'] },
	},
	timings: { spawnMs: 1, greetingMs: 2, shellMs: 3, totalMs: 4 },
	artifacts: { 'repro.sh': 'cells/pmu_a_uniform_debian_trixie_virt_/repro.sh' },
});

test("a failure shows the prediction and why, each layer's observation, which two disagree, and how to repeat it", t => {
	const explanation = explanationOf(wrongType, "vpmu-runs/it's one");
	t.is(explanation.summary, 'fail, blame qemu: trace: expected type 10, but type 9 was set');
	t.deepEqual(explanation.predicted, {
		...{ what: 'event-source 10 (armv8_pmuv3)', rule: 'covers-all' },
		because: ['KVM can be told which event source to use', 'armv8_pmuv3 covers all CPUs (0-3)'],
	});
	t.deepEqual(
		explanation.layers.map(({ layer, agrees }) => [layer, agrees]),
		[
			['start', true],
			['qmp', true],
			['trace', false],
			['guest', true],
			['perf', true],
			['guest-kernel', true],
		],
	);
	t.deepEqual(explanation.disagree, [
		[
			{ who: 'prediction', says: 'event source type 10' },
			{ who: 'trace', says: 'type 9 was set' },
		],
	]);
	t.deepEqual(explanation.evidence, [
		...['Unable to handle', 'pc : x', 'lr : y'].map(line => `guest kernel: ${line}`),
		'QEMU: warning: odd',
	]);
	t.is(explanation.repeat, `sh 'vpmu-runs/it'\\''s one/cells/pmu_a_uniform_debian_trixie_virt_/repro.sh'`);
});

test('as text, the labels have a fixed order, and no line is longer than requested', t => {
	const lines = explanationLines(explanationOf(wrongType, 'run'), { width: 60 });
	t.deepEqual(
		lines.map(line => line.slice(0, 10).trim()).filter(label => label !== ''),
		['fail, blam', 'predicted', 'because', 'layers', 'disagree', 'evidence', 'repeat'],
	);
	t.true(lines.includes('           trace         DIFFERS  type 9 ret 0'));
	t.true(lines.includes('disagree   prediction: event source type 10'));
	t.true(lines.includes('           trace:      type 9 was set'));
});

test('as text, the last reasons of a prediction are shown, and how many came before them', t => {
	const predicted = { ...wrongType.predicted!, because: ['first', 'second', 'third', 'fourth'] };
	const shown = (reasons: number) => {
		const lines = explanationLines(explanationOf({ ...wrongType, predicted }, 'run'), { reasons });
		const [from, to] = ['because', 'layers'].map(label => lines.findIndex(line => line.startsWith(label)));
		return lines.slice(from, to).map(line => line.slice(11));
	};
	t.deepEqual(shown(2), ['2 reasons before these', 'third', 'fourth']);
	t.deepEqual(shown(3), ['1 reason before these', 'second', 'third', 'fourth']);
	t.deepEqual(shown(4), ['first', 'second', 'third', 'fourth']);
});

test('an unmet demand of the case is shown next to the counts', t => {
	const cell = cellOf('fail', { unmet: ['cycles do not count on host CPU 4-5'] });
	const [one, other] = explanationOf(cell, 'run').disagree[0] ?? [];
	t.deepEqual([one?.who, other?.who], ['case', 'perf']);
	t.regex(one?.says ?? '', /cycles do not count on host CPU 4-5/);
});

test('an error of the infrastructure shows the evidence that came with it, and a command without a script of its own', t => {
	const cell = cellOf('error', {
		reason: 'the board died | line 1 | line 2',
		observed: null,
		predicted: null,
		perf: [],
	});
	const { summary, evidence, repeat, layers, disagree } = explanationOf(cell, 'run');
	t.is(summary, 'error, blame board: the board died');
	t.deepEqual(evidence, ['line 1', 'line 2']);
	t.regex(repeat, /^npx vpmu run --cell 'pmu\/a\[.*\]' --on board:uniform --qemu debian:trixie --machine virt$/);
	t.true(layers.every(({ agrees }) => agrees === null));
	t.deepEqual(disagree, []);
});

test('what the reason says already is not its evidence', t => {
	const cell = cellOf('error', { reason: 'cannot copy: tar: libc.so.6 changed | tar: libc.so.6  changed | more' });
	t.deepEqual(explanationOf(cell, 'run').evidence, ['more']);
});

test('foreign text is one line of limited length everywhere', t => {
	const loud: Partial<CellResult> = {
		reason: `${nasty} | ${nasty}`,
		disagreements: [{ layer: nasty, check: 'x', expected: 'y\n'.repeat(1e6), seen: nasty }],
		unmet: [nasty],
	};
	for (const line of explanationLines(explanationOf(cellOf('fail', loud), nasty))) {
		t.false(line.includes('\n'), line);
		t.true(line.length < 1000);
	}
});

test('failures, errors, and known defects that are fixed need attention', t => {
	const statuses = (['pass', 'fail', 'xfail', 'xpass', 'skip', 'error'] as const).filter(status => isWrong({ status }));
	t.deepEqual(statuses, ['fail', 'xpass', 'error']);
});

test("one of the kernel's own tests is a layer of its own", t => {
	const seen = 'not ok (1 of 2 points), exit 0';
	const cell = cellOf('fail', {
		...{ blame: 'kernel', predicted: null, perf: [], reason: `selftest: expected ok, but it is ${seen}` },
		observed: { backend: 'unknown', layers: { qmp: null, trace: null, guest: null, selftest: seen } },
		disagreements: [{ layer: 'selftest', check: 'a', expected: 'a to be ok', seen: `it is ${seen}` }],
		selftest: {
			...{ name: 'a', state: 'not-ok', why: 'not ok 2 PMCR_EL0.N', exit: 0, planned: 2 },
			counts: { ok: 1, 'not-ok': 1, skipped: 0, expected: 0 },
			points: [
				{ state: 'ok', text: '1 a' },
				{ state: 'not-ok', text: '2 PMCR_EL0.N' },
			],
		},
		timings: { spawnMs: null, greetingMs: null, shellMs: null, totalMs: 5 },
	});
	const { predicted, layers, disagree, evidence } = explanationOf(cell, 'r');
	t.deepEqual(predicted, { what: 'a to be ok', rule: 'selftest', because: [] });
	t.deepEqual(
		layers.map(({ layer, seen, agrees, expected }) => [layer, seen, agrees, expected]),
		[['selftest', seen, false, ['a to be ok']]],
	);
	t.deepEqual(disagree, [
		[
			{ who: 'prediction', says: 'a to be ok' },
			{ who: 'selftest', says: `it is ${seen}` },
		],
	]);
	t.deepEqual(evidence, ['selftest: not ok 2 PMCR_EL0.N']);
});
