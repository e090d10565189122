import test from 'ava';
import { isStall, type KnownMessage, knownMessages, sortKernelLog } from './known.ts';

const list: readonly KnownMessage[] = [
	{
		name: 'init',
		of: 'guest',
		from: '6.1',
		before: '6.12',
		pattern: '^WARNING: CPU: \\d+ PID: 1 at init/',
		reason: 'fixed in 6.12',
	},
];
const log = [
	'<4>[    1.000000] WARNING: CPU: 0 PID: 1 at init/main.c:1 foo+0x1/0x2',
	'<4>[    1.000001] Call trace:',
	'<4>[    2.000000] WARNING: CPU: 0 PID: 9 at kernel/a.c:1 foo+0x1/0x2',
];
const kindsOf = (release: string | null, of: 'guest' | 'host' = 'guest') => {
	const { reports, known } = sortKernelLog(log, { of, release }, list);
	return [reports.length, known.length];
};

test('a known message is a note for the kernels that have it, and a report for others', t => {
	t.deepEqual(kindsOf('6.1.0-37-arm64'), [1, 1]);
	t.deepEqual(kindsOf('6.11.2'), [1, 1]);
	t.deepEqual(kindsOf('6.12.0'), [2, 0]);
	t.deepEqual(kindsOf('5.19'), [2, 0]);
	t.deepEqual(kindsOf('10.0'), [2, 0]);
	t.deepEqual(kindsOf(null), [2, 0]);
	t.deepEqual(kindsOf('6.1.0', 'host'), [2, 0]);
});

test('a known message that is not trouble is a note too, once', t => {
	const line = 'perf: interrupt took too long (2506 > 2500), lowering kernel.perf_event_max_sample_rate to 79750';
	const { reports, known } = sortKernelLog([`<6>[    1.0] ${line}`, `<6>[    2.0] ${line}`], {
		of: 'guest',
		release: null,
	});
	t.deepEqual(reports, []);
	t.deepEqual(
		known.map(one => one.line),
		[line],
	);
});

test('every entry of the list has a reason and a pattern that does not match everything', t => {
	t.is(new Set(knownMessages.map(entry => entry.name)).size, knownMessages.length);
	for (const { pattern, reason, from, before } of knownMessages) {
		t.true(reason.length > 20, pattern);
		t.false(new RegExp(pattern).test(''), pattern);
		t.false(new RegExp(pattern).test('Kernel panic - not syncing: x'), pattern);
		for (const release of [from, before]) t.regex(release ?? '1.0', /^\d+\.\d+$/, pattern);
	}
});

test('stalls are told from what a stopped machine cannot be the cause of', t => {
	t.true(isStall({ kind: 'rcu-stall' }));
	t.true(isStall({ kind: 'hung-task' }));
	t.false(isStall({ kind: 'oops' }));
	t.false(isStall({ kind: 'warning' }));
});
