import test from 'ava';
import { GuestError } from '../../src/guest/index.ts';
import { DeadlineError } from '../../src/lib/index.ts';
import {
	type AskedMachine,
	findings,
	type GuestReading,
	type HostFacts,
	type MachineObservation,
	type Observations,
	type PmuSettings,
	predictBackend,
	type SelftestObservation,
} from '../../src/pmu/index.ts';
import { bigLittle, uniform } from '../../src/pmu/testing/facts.ts';
import { QemuError } from '../../src/qemu/index.ts';
import { QmpError } from '../../src/qmp/index.ts';
import type { Known, Matrix } from '../plan/matrix.ts';
import { planCells } from '../plan/plan.ts';
import { type CellRecord, CellSkipped } from '../protocol/outcome.ts';
import { conclude } from './conclusion.ts';

const [cell] = planCells([{ case: 'pmu/a', title: 'a', matrix: {} }], {
	...{ cases: [], on: 'board' as const, qemus: ['/opt/qemu'], tcgQemus: [] },
});

const zeroBoot = { booted: false, runState: 'prelaunch' } as const;
const started = (type: number | undefined, cpuPmu: boolean | 'absent' = true): Observations => ({
	start: { state: 'running' },
	qmp: { kvm: { enabled: true, present: true }, cpuPmu, runState: 'prelaunch' },
	trace: {
		events: 'known',
		setPmu: type === undefined ? [] : [0, 1].map(() => ({ type, ret: 0 })),
		setFixedCountersOnly: [],
	},
	deviceTree: { pmuNode: cpuPmu === true },
});
const refused = (stderr: string): Observations => ({ start: { state: 'exited', status: 1, signal: null, stderr } });

function recordOf(
	facts: HostFacts,
	more: Partial<PmuSettings>,
	observations: Observations,
	rest: Partial<CellRecord> & { readonly matrix?: Matrix } = {},
): CellRecord {
	const settings: PmuSettings = { machine: 'virt', qemu: { hasPmuChoice: true, version: '10.0.13' }, ...more };
	const prediction = predictBackend(facts, settings);
	const known = { facts, prediction, pmus: [], groups: [] } as unknown as Known;
	return { cell: cell!, known, facts, settings, prediction, observations, judging: zeroBoot, totalMs: 1, ...rest };
}
const concluded = (...of: Parameters<typeof recordOf>) => {
	const { status, reason, blame } = conclude(recordOf(...of));
	return [status, reason, blame] as const;
};

const selftest: SelftestObservation = {
	...{ name: 'vpmu_counter_access', state: 'ok', why: null, exit: 0, planned: 2, points: [] },
	counts: { ok: 2, 'not-ok': 0, skipped: 0, expected: 0 },
};

test("one of the kernel's own tests that is not ok fails its cell, blame kernel, in a layer of its own", t => {
	const concludeWith = (observations: Observations, more: Partial<CellRecord> = {}) =>
		conclude({ cell: cell!, isJudged: false, totalMs: 1, observations, ...more });
	const bad: SelftestObservation = {
		...{ ...selftest, state: 'not-ok', why: 'not ok 2 PMCR_EL0.N' },
		counts: { ...selftest.counts, ok: 1, 'not-ok': 1 },
	};
	const seen = 'it is not ok (1 of 2 points), exit 0: not ok 2 PMCR_EL0.N';
	const result = concludeWith({ selftest: bad });
	t.like(result, {
		...{ status: 'fail', blame: 'kernel', selftest: bad },
		reason: `selftest: expected vpmu_counter_access to be ok, but ${seen}`,
		disagreements: [
			{ layer: 'selftest', check: 'vpmu_counter_access', expected: 'vpmu_counter_access to be ok', seen },
		],
	});
	t.is(result.observed?.layers.selftest, 'not ok (1 of 2 points), exit 0');
	t.like(concludeWith({ selftest }), { status: 'pass', reason: null, blame: null, selftest });
	t.is(concludeWith({ selftest }).observed?.layers.selftest, 'ok (2 of 2 points)');
	t.is(concludeWith({}).observed, null);
	const log = { unread: null, known: [], reports: [{ did: 'warned', name: 'warning', line: 'WARNING: a', lines: [] }] };
	t.like(concludeWith({ selftest, hostKernel: log }), { status: 'fail', blame: 'kernel' });
	const skip = new CellSkipped('get-reg-list was skipped: no PMU');
	t.like(concludeWith({}, { failure: skip }), { status: 'skip', reason: skip.message, blame: null });
});

test('agreement passes, a contradiction fails with its reason', t => {
	t.deepEqual(concluded(uniform, {}, started(10)), ['pass', null, null]);
	const [status, reason, blame] = concluded(uniform, {}, started(11));
	t.is(status, 'fail');
	t.regex(reason!, /trace: expected event source type 10, but type 11 was set/);
	t.is(blame, 'qemu');
});

test('the known outcome of the posted code is an xfail with the finding, and an xpass once it is gone', t => {
	t.deepEqual(concluded(uniform, { pmu: '4294967296' }, started(10)), ['xfail', `finding F2: ${findings.F2}`, null]);
	const [status, reason] = concluded(
		uniform,
		{ pmu: '4294967296' },
		refused('-accel kvm,pmu=4294967296: out of range'),
	);
	t.deepEqual([status, reason], ['xpass', `no longer so: finding F2: ${findings.F2}`]);
	t.is(concluded(uniform, { pmu: '4294967296' }, started(11))[0], 'fail', 'a finding excuses only its own outcome');
});

test('a finding excuses the choice, but no demand of the case', t => {
	const unmet = ['the device tree differs'];
	t.is(concluded(uniform, { pmu: '4294967296' }, started(10), { unmet })[0], 'fail');
	t.is(concluded(bigLittle, {}, started(undefined, 'absent'), { unmet })[0], 'fail');
});

test('an expected failure must show, and excuses only its own signs', t => {
	const matrix: Matrix = {
		expectFailure: (_known, unmet) => (unmet.every(demand => demand.includes('names')) ? 'finding F12' : undefined),
	};
	t.deepEqual(concluded(uniform, {}, started(10), { matrix, unmet: ['it names nothing'] }), [
		'xfail',
		'finding F12',
		null,
	]);
	t.deepEqual(concluded(uniform, {}, started(10), { matrix, unmet: ['it names nothing', 'it is slow'] }), [
		'fail',
		'it names nothing; it is slow',
		'qemu',
	]);
	t.deepEqual(concluded(uniform, {}, started(10), { matrix }), ['xpass', 'expected to fail: finding F12', null]);
	t.is(concluded(uniform, {}, started(11), { matrix, unmet: ['it names nothing'] })[0], 'fail');
});

test('a QEMU that dies is a failure of the thing under test; other breakage is an error', t => {
	const death = { status: null, signal: 'SIGABRT', stderr: ['aborted'] };
	const died = new QmpError('QMP_DISCONNECTED', 'the peer closed the connection', { death });
	const lost = new QmpError('QMP_DISCONNECTED', 'the peer closed the connection');
	const killed = new QemuError('it was killed', { failure: 'killed', argv: [] });
	const missing = new QemuError('there is none', { failure: 'missing', argv: [] });
	const status = (failure: unknown) => concluded(uniform, {}, started(10), { failure })[0];
	t.deepEqual([died, killed, lost, missing, new TypeError('a mistake')].map(status), [
		'fail',
		'fail',
		'error',
		'error',
		'error',
	]);
	t.is(status(new CellSkipped('needs more')), 'skip');
	t.deepEqual(concluded(uniform, {}, started(10), { failure: new DeadlineError('the shell', 1000) }), [
		'error',
		'the shell: nothing after 1.0 s',
		'host',
	]);
});

test('a cell that observed nothing proves nothing', t => {
	t.is(concluded(uniform, {}, {})[0], 'fail');
	t.is(conclude({ cell: cell!, totalMs: 1 }).status, 'error');
});

test('a case that is not about a PMU passes on its own demands, without prediction and verdict', t => {
	const known = {} as unknown as Known;
	const status = (more: Partial<CellRecord>) => {
		const result = conclude({ cell: cell!, isJudged: false, known, totalMs: 1, ...more });
		return [result.status, result.reason, result.blame, result.predicted] as const;
	};
	t.deepEqual(status({}), ['pass', null, null, null]);
	t.deepEqual(status({ unmet: ['it must'] }), ['fail', 'it must', 'qemu', null]);
	t.deepEqual(status({ failure: new CellSkipped('needs more') }), ['skip', 'needs more', null, null]);
	const refused = new QemuError('it refused', { failure: 'exited', argv: [], exit: { status: 1, signal: null } });
	t.deepEqual(
		status({ failure: refused, observations: { start: { state: 'exited', status: 1, signal: null, stderr: '' } } }),
		[...['fail', 'it refused', 'qemu', null]],
	);
	const matrix: Matrix = { expectFailure: (_known, unmet) => (unmet.includes('it must') ? 'a known bug' : undefined) };
	t.deepEqual(status({ matrix, unmet: ['it must'] }), ['xfail', 'a known bug', null, null]);
	t.deepEqual(status({ matrix, unmet: ['it should'] }), ['fail', 'it should', 'qemu', null]);
	const always: Matrix = { expectFailure: () => 'a known bug' };
	t.deepEqual(status({ matrix: always }), ['xpass', 'expected to fail: a known bug', null, null]);
});

const report = {
	did: 'oopsed',
	name: 'oops oops',
	line: 'Internal error: Oops: 0000000096000004 [#1] SMP',
	lines: ['<0>[    1.0] Internal error: Oops: 0000000096000004 [#1] SMP'],
};
const troubled = { unread: null, reports: [report], known: [] };

test("trouble in the host's kernel fails a cell and blames the kernel, whatever else went wrong", t => {
	const seen = { ...started(10), hostKernel: troubled };
	const [status, reason, blame] = concluded(uniform, {}, seen);
	t.deepEqual([status, blame], ['fail', 'kernel']);
	t.regex(reason!, /host-kernel: .* it oopsed: Internal error: Oops/);
	t.deepEqual(concluded(uniform, {}, { ...started(11), hostKernel: troubled })[2], 'kernel');
	for (const failure of [
		new DeadlineError('a reply', 1000),
		new GuestError('hang', 'the guest hangs'),
		new QemuError('QEMU was killed', { failure: 'killed', argv: [] }),
		new Error('a mistake in the case'),
	]) {
		const [broken, why, whom] = concluded(uniform, {}, seen, { failure });
		t.deepEqual([broken, whom], ['fail', 'kernel'], failure.message);
		t.true(why!.includes(report.line) && why!.includes(failure.message), why!);
	}
});

test("trouble in the guest's kernel explains a wait that timed out, and is shown with any other failure", t => {
	const seen = { ...started(10), guestKernel: troubled };
	const [status, reason, blame] = concluded(uniform, {}, seen, { failure: new DeadlineError('a reply', 1000) });
	t.deepEqual([status, blame], ['fail', 'guest']);
	t.true(reason!.includes(report.line));
	const killed = new QemuError('QEMU was killed', { failure: 'killed', argv: [] });
	const [, both, whom] = concluded(uniform, {}, seen, { failure: killed });
	t.is(whom, 'qemu');
	t.true(both!.includes(report.line));
});

test('trouble in a kernel is not excused as a known finding, and a skip stays a skip', t => {
	const [status, , blame] = concluded(uniform, { pmu: '4294967296' }, { ...started(10), hostKernel: troubled });
	t.deepEqual([status, blame], ['fail', 'kernel']);
	const seen = { ...started(10), hostKernel: troubled };
	t.is(concluded(uniform, {}, seen, { failure: new CellSkipped('nothing to see') })[0], 'skip');
});

test('trouble in a kernel also fails a case that is not about a PMU', t => {
	const known = {} as unknown as Known;
	const status = (observations: Observations) => {
		const judging = { lenient: true };
		const result = conclude({ cell: cell!, isJudged: false, known, totalMs: 1, observations, judging });
		return [result.status, result.blame];
	};
	const running: Observations = { start: { state: 'running' } };
	t.deepEqual(status(running), ['pass', null]);
	t.deepEqual(status({ ...running, guestKernel: troubled }), ['fail', 'guest']);
	t.deepEqual(status({ ...running, hostKernel: troubled }), ['fail', 'kernel']);
});

test('results hold what kernels and QEMU reported unasked', t => {
	const observations: Observations = {
		...started(10),
		unexpected: { events: [{ event: 'STOP' }], stderr: ['odd'] },
		hostKernel: {
			unread: { reason: 'not root', expected: true },
			reports: [],
			known: [{ name: 'n', line: 'a', reason: 'b' }],
		},
		guestKernel: troubled,
	};
	const { logs, notes } = conclude(recordOf(uniform, {}, observations));
	t.deepEqual(logs, {
		guest: { unread: null, reports: [{ name: 'oops oops', lines: report.lines }], known: [] },
		host: { unread: 'not root', reports: [], known: [{ name: 'n', line: 'a', reason: 'b' }] },
		qemu: { events: ['STOP'], stderr: ['odd'] },
	});
	t.deepEqual(notes, [
		"the host's kernel log was not read completely: not root",
		"the host's kernel logged 'n': b",
		'unexpected QMP event: STOP',
		'QEMU wrote to stderr: odd',
	]);
});

test("where KVM itself does not do what it says, what a guest sees is the kernel's fault", t => {
	const withFixed = (stopped: string): HostFacts => ({
		...bigLittle,
		kvm: {
			...bigLittle.kvm,
			attribute5: 'yes',
			fixedCounters: { eventCounters: 0, cyclesListed: false, counted: '0', stopped },
		},
	});
	const observations: Observations = {
		...started(undefined),
		trace: { events: 'known', setPmu: [], setFixedCountersOnly: [{ ret: 0 }, { ret: 0 }] },
		deviceTree: { pmuNode: false },
	};
	const [status, reason, blame] = concluded(withFixed('1'), {}, observations);
	t.deepEqual([status, blame], ['fail', 'kernel']);
	t.regex(reason!, /; KVM, asked without QEMU: the cycle counter .* stands still on CPU 1, and counts on CPU 0$/);
	t.is(concluded(withFixed(''), {}, observations)[2], 'qemu');
	// What guests do not see, KVM does not explain.
	const oneLine = { events: 'known', setPmu: [], setFixedCountersOnly: [{ ret: 0 }] } as const;
	const untold = { ...observations, deviceTree: { pmuNode: true }, trace: oneLine };
	t.deepEqual(concluded(withFixed('1'), {}, untold).slice(2), ['qemu']);
	const counted = { event: 'r11', state: 'counted', runningPct: 100, worked: true } as const;
	const stands: Observations = {
		...observations,
		...{ qmp: { kvm: { enabled: true, present: true }, cpuPmu: true, runState: 'running' } },
		...{ guestKernel: { unread: null, reports: [], known: [] } },
		guest: {
			...{ pmuNode: true, eventSources: ['armv8_pmuv3', 'software'], counters: 1 },
			readings: ['0', '1'].map(pinned => ({ ...counted, pinned, count: pinned === '0' ? 100n : 0n })),
		},
	};
	const [, why, whom] = concluded(withFixed('1'), {}, stands, { judging: {} });
	t.is(whom, 'kernel');
	t.regex(why!, /^perf: expected r11 on host CPU 1 to count, but it counted 0; KVM, asked without QEMU: /);
});

test('nobody is blamed for a count that is not predicted, or that the case did not take', t => {
	const stock = { qemu: { hasPmuChoice: false, version: '10.0.13' } };
	const count = { event: 'cycles', state: 'counted', count: 100n, runningPct: 100, worked: true } as const;
	const seen = (...readings: readonly GuestReading[]): Observations => ({
		...started(undefined),
		...{ qmp: { kvm: { enabled: true, present: true }, cpuPmu: true, runState: 'running' } },
		...{ guestKernel: { unread: null, reports: [], known: [] } },
		trace: { events: 'unknown', setPmu: [], setFixedCountersOnly: [] },
		guest: { pmuNode: true, eventSources: ['armv8_pmuv3', 'software'], counters: 7, readings },
	});
	const of = (facts: HostFacts, readings: readonly GuestReading[], rest = {}) =>
		concluded(facts, stock, seen(...readings), { judging: {}, ...rest });
	// KVM's default depends on where the first vCPU was made.
	const pinned = ['0', '1'].map(cpu => ({ ...count, pinned: cpu }));
	const [status, reason, blame] = of(bigLittle, pinned);
	t.deepEqual([status, blame], ['skip', null]);
	t.regex(reason!, /a prediction for cycles on host CPU 0.*it depends on which CPU the first vCPU is made on/);
	t.deepEqual(of(bigLittle, pinned, { unmet: ['it must count'] }).slice(0, 1), ['skip']);
	const [without, why, whom] = of(uniform, []);
	t.deepEqual([without, whom], ['error', 'harness']);
	t.regex(why!, /expected a reading of cycles on host CPU 0-1 \(counts\), but there is none/);
	t.deepEqual(of(uniform, [], { unmet: ['it must count'] }).slice(2), ['qemu']);
	t.is(of(uniform, [{ ...count, pinned: null }])[0], 'pass');
	const nowhere = [
		{ ...count, pinned: null },
		{ ...count, pinned: '' },
	];
	t.deepEqual(of(uniform, nowhere).slice(0, 1), ['error'], 'a count on no CPU was not taken');
	t.is(of(uniform, [{ ...count, pinned: '0' }], { judging: { hostCpus: '' } })[0], 'skip', 'no CPU is known');
	// What else is wrong is still told, and is still blamed on its layer.
	const zero = { ...count, pinned: '0', count: 0n };
	t.deepEqual(of(uniform, [zero]).slice(2), ['guest']);
	const broken = { ...seen(...pinned), guest: { ...seen(...pinned).guest!, eventSources: ['software'] } };
	const [both, text, guilty] = concluded(bigLittle, stock, broken, { judging: {} });
	t.deepEqual([both, guilty], ['fail', 'guest']);
	t.is(text, 'guest: expected one event source of an Arm PMU, but there is none');
});

test('a wrong choice of QEMU is blamed on QEMU, also where its guest shows it', t => {
	const [status, reason, blame] = concluded(bigLittle, {}, started(11));
	t.deepEqual([status, blame], ['fail', 'qemu']);
	t.is(
		reason,
		"qmp: expected the CPU's property pmu to be absent, but it is true; " +
			'trace: expected 0 lines of kvm_arm_set_pmu, but there are 2, of type 11; ' +
			"guest: expected no /pmu node in the guest's device tree, but there is one",
	);
	const [, , whom] = concluded(uniform, {}, { ...started(10), deviceTree: { pmuNode: false } });
	t.is(whom, 'qemu', 'the device tree was made by QEMU');
	const [, , also] = concluded(uniform, {}, { ...started(11), guestKernel: troubled });
	t.is(also, 'qemu', "trouble in the guest's kernel does not explain the choice");
});

test('of what QEMU shows, the guest is blamed only for what a guest can bring about', t => {
	const good: Observations = {
		...started(10),
		qmp: { kvm: { enabled: true, present: true }, cpuPmu: true, runState: 'running' },
		guestKernel: troubled,
		guest: { pmuNode: true, eventSources: ['armv8_pmuv3', 'software'], counters: 7, readings: [] },
	};
	const asked: AskedMachine = { machineTypes: ['virt'], cpu: 'host', vcpus: 2, memoryMiB: 512, console: true };
	const machine: MachineObservation = {
		...{ vcpus: 2, memoryBytes: 2 ** 29, machineType: 'virt-machine', consoleConnected: true },
		cpuTypes: ['host-arm-cpu', 'host-arm-cpu'],
	};
	const blamed = (seen: Partial<Observations>) =>
		concluded(uniform, {}, { ...good, machine, ...seen }, { judging: { asked } })[2];
	t.is(blamed({}), 'guest');
	const ofGuest: Partial<Observations>[] = [
		{ qmp: { ...good.qmp!, runState: 'guest-panicked' } },
		{ unexpected: { events: [{ event: 'GUEST_PANICKED' }], stderr: [] } },
		{ qmp: undefined },
		{ trace: undefined },
		{ machine: undefined },
	] as Partial<Observations>[];
	for (const seen of ofGuest) t.is(blamed(seen), 'guest', JSON.stringify(seen));
	const ofQemu: Partial<Observations>[] = [
		{ qmp: { ...good.qmp!, kvm: { enabled: false, present: true } } },
		{ qmp: { ...good.qmp!, cpuPmu: false } },
		{ trace: { ...good.trace!, setPmu: [] } },
		{ trace: { ...good.trace!, events: 'unknown' } },
		{ machine: { ...machine, vcpus: 1, cpuTypes: ['host-arm-cpu'] } },
		{ machine: { ...machine, machineType: 'virt-9.2-machine' } },
		{ unexpected: { events: [], stderr: ['==1==ERROR: LeakSanitizer: detected memory leaks'] } },
	];
	for (const seen of ofQemu) t.is(blamed(seen), 'qemu', JSON.stringify(seen));
});

test('a refusal that was predicted is judged, and a breakage after a refusal is not', t => {
	const said = refused('Failed to retrieve host CPU features');
	const exited = new QemuError('it refused', { failure: 'exited', argv: [], exit: { status: 1, signal: null } });
	t.deepEqual(concluded(uniform, { pmu: '9999' }, said, { failure: exited }), ['pass', null, null]);
	const [status, , blame] = concluded(uniform, { pmu: '9999' }, said, { failure: new Error('a mistake') });
	t.deepEqual([status, blame], ['error', 'harness']);
	// One that ended later did start: that it ended is the failure.
	t.is(concluded(uniform, {}, started(10), { failure: exited })[0], 'fail');
});

test('a cell of which something is missing that a verdict needs is an error of the harness', t => {
	const whole = recordOf(uniform, {}, started(10));
	t.is(conclude(whole).status, 'pass');
	for (const part of ['prediction', 'settings', 'facts', 'known'] as const) {
		const { status, blame, reason } = conclude({ ...whole, [part]: undefined });
		t.deepEqual([status, blame, reason], ['error', 'harness', 'the cell ended before anything was predicted'], part);
	}
});

test('without what is known of the host a case is not asked which failure it expects', t => {
	const matrix: Matrix = { expectFailure: () => 'a known bug' };
	t.is(conclude({ cell: cell!, isJudged: false, totalMs: 1, matrix }).status, 'pass');
	t.is(conclude({ cell: cell!, isJudged: false, totalMs: 1, matrix, unmet: ['it must'] }).status, 'fail');
});

test('who is to blame for a breakage is who the error names; only what is under test fails a cell', t => {
	const of = (failure: unknown) => concluded(uniform, {}, started(10), { failure });
	const onHost = new QemuError('no such library', { failure: 'exited', argv: [], blame: 'host' });
	t.deepEqual(of(onHost), ['error', 'no such library', 'host']);
	t.deepEqual(of(new GuestError('hang', 'the guest hangs')), ['fail', 'the guest hangs', 'guest']);
	t.deepEqual(of('a text'), ['error', 'a text', 'harness']);
	const [status, reason] = of(new TypeError('a mistake'));
	t.is(status, 'error');
	t.regex(reason!, /^TypeError: a mistake \|.* at /);
});

test('a report of a sanitizer blames QEMU, whatever the guest shows', t => {
	const stderr = ['==77==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010'];
	const seen = { ...started(10), unexpected: { events: [], stderr }, guestKernel: troubled };
	t.deepEqual(concluded(uniform, {}, seen, { judging: {} }).slice(2), ['qemu']);
	t.deepEqual(concluded(uniform, {}, { ...started(10), unexpected: { events: [], stderr } }).slice(2), ['qemu']);
});
