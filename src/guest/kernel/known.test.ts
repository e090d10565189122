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

test('a known message is a note for kernels that have it, and a report for others', t => {
	t.deepEqual(kindsOf('6.1.0-37-arm64'), [1, 1]);
	t.deepEqual(kindsOf('6.11.2'), [1, 1]);
	t.deepEqual(kindsOf('6.12.0'), [2, 0]);
	t.deepEqual(kindsOf('5.19'), [2, 0]);
	t.deepEqual(kindsOf('10.0'), [2, 0]);
	t.deepEqual(kindsOf('7.5'), [2, 0]);
	t.deepEqual(kindsOf('5.5'), [2, 0]);
	t.deepEqual(kindsOf(null), [2, 0]);
	t.deepEqual(kindsOf('6.1.0', 'host'), [2, 0]);
});

test('a known message that is not trouble is also noted, once', t => {
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

test('a message without a first or last release applies up to the other limit, and not to an unknown kernel', t => {
	const [{ from: _from, ...noFrom }] = list as [KnownMessage];
	const [{ before: _before, ...noBefore }] = list as [KnownMessage];
	const { from: _, ...always } = noBefore;
	const applies = (entry: KnownMessage, release: string | null) =>
		sortKernelLog(log, { of: 'guest', release }, [entry]).known.length === 1;
	const releases = ['6.0', '6.1', '6.11', '6.12', '7.0', null];
	const all = (entry: KnownMessage) => releases.filter(release => applies(entry, release));
	t.deepEqual(all(noFrom), ['6.0', '6.1', '6.11']);
	t.deepEqual(all(noBefore), ['6.1', '6.11', '6.12', '7.0']);
	t.deepEqual(all(always), releases);
	t.deepEqual(all(list[0]!), ['6.1', '6.11']);
});

test('of a known message the first line is shown', t => {
	const again = log.map(line => line.replace('main.c:1', 'main.c:2'));
	const { known } = sortKernelLog([...log, ...again], { of: 'guest', release: '6.1' }, list);
	t.deepEqual(
		known.map(one => one.line),
		['WARNING: CPU: 0 PID: 1 at init/main.c:1 foo+0x1/0x2'],
	);
});

test('every entry of the list has a reason, and a pattern that does not match everything', t => {
	t.is(new Set(knownMessages.map(entry => entry.name)).size, knownMessages.length);
	for (const { pattern, reason, from, before } of knownMessages) {
		t.true(reason.length > 20, pattern);
		t.false(new RegExp(pattern).test(''), pattern);
		t.false(new RegExp(pattern).test('Kernel panic - not syncing: x'), pattern);
		for (const release of [from, before]) t.regex(release ?? '1.0', /^\d+\.\d+$/, pattern);
	}
});

test('stalls are distinguished from reports that a stopped machine cannot cause', t => {
	for (const kind of ['rcu-stall', 'soft-lockup', 'hard-lockup', 'workqueue-lockup', 'hung-task'] as const) {
		t.true(isStall({ kind }), kind);
	}
	t.false(isStall({ kind: 'oops' }));
	t.false(isStall({ kind: 'warning' }));
});

test('every check of a debug kernel is a report, and a full table of lockdep is only noted', t => {
	const told = {
		kasan: 'BUG: KASAN: slab-use-after-free in kvm_pmu_create_perf_event+0x1a4/0x3a0',
		lockdep: 'WARNING: possible circular locking dependency detected',
		'lockdep of interrupts': 'WARNING: inconsistent lock state',
		PROVE_RCU: 'WARNING: suspicious RCU usage',
		PROVE_RAW_LOCK_NESTING: '[ BUG: Invalid wait context ]',
		'atomic sleep': 'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580',
		list: 'list_add corruption. next->prev should be prev (ffff0000), but was 0000. (next=ffff0001).',
	};
	const sorted = (line: string) => sortKernelLog([`[   12.000001] ${line}`], { of: 'host', release: '6.12.118' });
	for (const [what, line] of Object.entries(told)) t.is(sorted(line).reports.length, 1, what);
	for (const table of [
		'LOCKDEP_ENTRIES',
		'LOCKDEP_CHAINS',
		'LOCKDEP_CHAIN_HLOCKS',
		'LOCKDEP_KEYS',
		'STACK_TRACE_ENTRIES',
	]) {
		const { reports, known } = sorted(`BUG: MAX_${table} too low!`);
		t.deepEqual([reports.length, known[0]?.name], [0, 'lockdep: a table is full'], table);
	}
});
