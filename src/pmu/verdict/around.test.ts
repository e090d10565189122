import test from 'ava';
import { predictBackend } from '../predict/predict.ts';
import { uniform } from '../testing/facts.ts';
import { type AskedMachine, describeReport, judgeAround } from './around.ts';
import type { KernelLogObservation, MachineObservation, Observations, UnexpectedEvent } from './observed.ts';
import { judge } from './verdict.ts';

const asked: AskedMachine = {
	machineTypes: ['virt', 'virt-10.1'],
	cpu: 'host',
	vcpus: 2,
	memoryMiB: 256,
	console: true,
};
const machine: MachineObservation = {
	vcpus: 2,
	memoryBytes: 256 * 2 ** 20,
	machineType: 'virt-10.1-machine',
	cpuTypes: ['host-arm-cpu', 'host-arm-cpu'],
	consoleConnected: true,
};
const system = { online: '0-1', memoryBytes: 256 * 2 ** 20, consoles: ['ttyAMA0'] };
const quiet: KernelLogObservation = { unread: null, reports: [], known: [] };
const trouble: KernelLogObservation = {
	...quiet,
	reports: [
		{
			did: 'oopsed',
			name: 'oops oops',
			line: 'Internal error: Oops: 0000000096000004 [#1] SMP',
			lines: [
				'<0>[    1.0] Internal error: Oops: 0000000096000004 [#1] SMP',
				'<0>[    1.1] CPU: 0 PID: 1',
				'',
				'pc : foo',
				'lr : x',
			],
		},
	],
};

const prediction = predictBackend(uniform, { machine: 'virt', qemu: { hasPmuChoice: true } });
const seen = {
	start: { state: 'running' },
	qmp: {
		kvm: { enabled: true, present: true },
		cpuPmu: true,
		runState: 'running',
	},
	machine,
	system,
	unexpected: { events: [], stderr: [] },
	trace: {
		events: 'known',
		setPmu: [
			{ type: 10, ret: 0 },
			{ type: 10, ret: 0 },
		],
		setFixedCountersOnly: [],
	},
	guest: {
		pmuNode: true,
		eventSources: ['armv8_pmuv3_0', 'software'],
		counters: 7,
		readings: [{ event: 'cycles', state: 'counted', count: 5n, runningPct: 100, pinned: null, worked: true }],
	},
	guestKernel: quiet,
	hostKernel: quiet,
} satisfies Observations;

const checksOf = (observations: Observations, options = { asked }) =>
	judge(prediction, observations, options).contradictions.map(({ layer, check }) => `${layer} ${check}`);

test('a machine that is what was asked, with kernels that are well, agrees', t => {
	t.deepEqual(checksOf(seen), []);
});

const withMachine = (more: Partial<MachineObservation>) => ({ ...seen, machine: { ...machine, ...more } });
const withSystem = (more: Partial<typeof system>) => ({ ...seen, system: { ...system, ...more } });
const withEvent = (event: UnexpectedEvent) => ({ ...seen, unexpected: { events: [event], stderr: [] } });
const without = (layer: keyof Observations): Observations => {
	const { [layer]: _, ...others }: Observations = seen;
	return others;
};

const falsehoods: readonly (readonly [string, Observations, string])[] = [
	['QEMU has one vCPU of two', withMachine({ vcpus: 1 }), 'qmp machine-vcpus'],
	['QEMU has less memory', withMachine({ memoryBytes: 128 * 2 ** 20 }), 'qmp machine-memory'],
	['another machine type', withMachine({ machineType: 'virt-9.2-machine' }), 'qmp machine-type'],
	['another CPU model', withMachine({ cpuTypes: ['cortex-a57-arm-cpu'] }), 'qmp machine-cpu'],
	['one vCPU of another model', withMachine({ cpuTypes: ['host-arm-cpu', 'max-arm-cpu'] }), 'qmp machine-cpu'],
	['no vCPU at all', withMachine({ cpuTypes: [] }), 'qmp machine-cpu'],
	['no console', withMachine({ consoleConnected: null }), 'qmp machine-console'],
	['a console without its other end', withMachine({ consoleConnected: false }), 'qmp machine-console'],
	['QEMU was not asked what it runs', without('machine'), 'qmp machine-asked'],
	['one vCPU of two is online', withSystem({ online: '0' }), 'guest system-vcpus'],
	['a hole in the list of vCPUs', withSystem({ online: '0,2-3' }), 'guest system-vcpus'],
	['no list of vCPUs', withSystem({ online: '' }), 'guest system-vcpus'],
	['a guest with less memory', withSystem({ memoryBytes: 128 * 2 ** 20 }), 'guest system-memory'],
	['a guest with another console', withSystem({ consoles: ['hvc0'] }), 'guest system-console'],
	['a guest without console', withSystem({ consoles: [] }), 'guest system-console'],
	['the guest was not asked', without('system'), 'guest system-asked'],
	['QEMU stopped the machine', withEvent({ event: 'STOP' }), 'qmp qmp-events'],
	['the machine was reset', withEvent({ event: 'RESET', data: { guest: true } }), 'qmp qmp-events'],
	['the guest panicked', withEvent({ event: 'GUEST_PANICKED', data: { action: 'run' } }), 'qmp qmp-events'],
	['a disk failed', withEvent({ event: 'BLOCK_IO_ERROR', data: { sector: 1n } as never }), 'qmp qmp-events'],
	["the guest's kernel log was not asked for", without('guestKernel'), 'guest-kernel guest-kernel-asked'],
	[
		"the guest's kernel log could not be read",
		{ ...seen, guestKernel: { ...quiet, unread: { reason: 'it hung', expected: false } } },
		'guest-kernel guest-kernel-read',
	],
	["the guest's kernel is in trouble", { ...seen, guestKernel: trouble }, 'guest-kernel kernel-trouble'],
	["the host's kernel is in trouble", { ...seen, hostKernel: trouble }, 'host-kernel kernel-trouble'],
];
for (const [title, observations, check] of falsehoods) {
	test(`around the choice, falsified: ${title}`, t => {
		t.deepEqual(checksOf(observations), [check]);
	});
}

for (const event of [
	...['STOP', 'RESET', 'SHUTDOWN', 'SUSPEND', 'SUSPEND_DISK', 'GUEST_PANICKED', 'GUEST_CRASHLOADED'],
	...['WATCHDOG', 'BLOCK_IO_ERROR', 'MEMORY_FAILURE'],
]) {
	test(`an unexpected ${event} fails a cell, with what it says`, t => {
		t.deepEqual(checksOf(withEvent({ event })), ['qmp qmp-events']);
		const reason = (one: UnexpectedEvent) => judge(prediction, withEvent(one), { asked }).reasons.join();
		t.true(reason({ event }).endsWith(`(${event})`), reason({ event }));
		const data = { guest: true, at: 2n, why: 'x' };
		t.true(reason({ event, data }).endsWith(`(${event} {"guest":true,"at":"2","why":"x"})`), reason({ event, data }));
	});
}

test('what changes nothing about the machine is shown and not judged', t => {
	t.deepEqual(checksOf(withEvent({ event: 'AN_EVENT_OF_A_LATER_QEMU' })), []);
	t.deepEqual(checksOf(withEvent({ event: 'toString' })), []);
	t.deepEqual(checksOf({ ...seen, unexpected: { events: [], stderr: ['a warning'] } }), []);
});

test('of a case that is not about a PMU, what was not asked contradicts nothing, and what was seen still does', t => {
	const judged = (observations: Observations) =>
		judgeAround(observations, { asked, lenient: true }).map(({ layer, check }) => `${layer} ${check}`);
	t.deepEqual(judged({ start: { state: 'running' } }), []);
	t.deepEqual(judged(withEvent({ event: 'SHUTDOWN', data: { guest: true } })), []);
	t.deepEqual(judged(withSystem({ online: '0' })), ['guest system-vcpus']);
	t.deepEqual(judged(withMachine({ vcpus: 1 })), ['qmp machine-vcpus']);
	// It may run a guest that has no means to show its log.
	const mute = { ...quiet, unread: { reason: 'the guest has no dmesg', expected: false } };
	t.deepEqual(judged({ ...seen, guestKernel: mute }), []);
	t.deepEqual(judged({ ...seen, guestKernel: trouble, hostKernel: trouble }), [
		'host-kernel kernel-trouble',
		'guest-kernel kernel-trouble',
	]);
});

test('a log that nobody could have read, and a host without one, contradict nothing', t => {
	t.deepEqual(
		checksOf({ ...seen, guestKernel: { ...quiet, unread: { reason: 'it cannot run', expected: true } } }),
		[],
	);
	t.deepEqual(checksOf(without('hostKernel')), []);
	t.deepEqual(checksOf({ ...seen, hostKernel: { ...quiet, unread: { reason: 'not root', expected: true } } }), []);
});

test('trouble of the host counts also where QEMU refused to start, as it was to', t => {
	const refusal = predictBackend(uniform, { machine: 'virt', pmu: '9999', qemu: { hasPmuChoice: true } });
	const exited = { state: 'exited', status: 1, signal: null, stderr: 'Failed to retrieve host CPU features' } as const;
	const judged = (more: Observations) =>
		judge(refusal, { start: exited, ...more }).contradictions.map(one => one.layer);
	t.deepEqual(judged({ hostKernel: quiet }), []);
	t.deepEqual(judged({ hostKernel: trouble }), ['host-kernel']);
});

test('any CPU model will do where QEMU was to choose, and no console where none was asked for', t => {
	const free = { asked: { ...asked, cpu: '', console: false } };
	t.deepEqual(checksOf(withMachine({ cpuTypes: ['cortex-a15-arm-cpu'], consoleConnected: null }), free), []);
	t.deepEqual(checksOf(withSystem({ consoles: [] }), free), []);
});

test('of many reports the first ones are told, and how many more there are', t => {
	const [report] = trouble.reports;
	const many = { ...quiet, reports: Array.from({ length: 9 }, () => report!) };
	const { reasons } = judge(prediction, { ...seen, hostKernel: many }, { asked });
	t.is(reasons.length, 5);
	t.regex(reasons.at(-1)!, /5 more reports of it/);
});

test('an event that came twice is told once', t => {
	const twice = { events: [{ event: 'STOP' }, { event: 'RESUME' }, { event: 'STOP' }], stderr: [] };
	t.deepEqual(checksOf({ ...seen, unexpected: twice }), ['qmp qmp-events']);
});

test('a report in a line, with the first of what followed', t => {
	t.is(
		describeReport(trouble.reports[0]!),
		'it oopsed: Internal error: Oops: 0000000096000004 [#1] SMP | <0>[    1.1] CPU: 0 PID: 1 | pc : foo',
	);
});

test('what a sanitizer of QEMU reports fails the cell, with the functions that it names', t => {
	const stderr = [
		'qemu-system-aarch64: warning: something harmless',
		'    #0 0xaaaab5a5c6f4 in of_no_report (/x/qemu-system-aarch64+0x2)',
		'../source/target/arm/kvm.c:577:31: runtime error: shift exponent 32 is too large for 32-bit type',
		'=================================================================',
		'==1234==ERROR: LeakSanitizer: detected memory leaks',
		'Direct leak of 18 byte(s) in 1 object(s) allocated from:',
		'    #0 0xaaaab4a5c6f4 in malloc (/x/qemu-system-aarch64+0x1)',
		'    #1 0xffff8d0c3f10 in g_malloc (/lib/libglib-2.0.so.0+0x1)',
		'    #2 0xaaaab5a5c6f4 in kvm_arch_init (/x/qemu-system-aarch64+0x2)',
		'    #3 0xaaaab5a5c6f5 in kvm_init (/x/qemu-system-aarch64+0x3)',
		'    #4 0xaaaab5a5c6f6 in accel_init_machine (/x/qemu-system-aarch64+0x4)',
		'    #5 0xaaaab5a5c6f7 in of_no_interest (/x/qemu-system-aarch64+0x5)',
		'SUMMARY: AddressSanitizer: 18 byte(s) leaked in 1 allocation(s).',
	];
	const judged = judgeAround({ ...seen, unexpected: { events: [], stderr } }, { asked });
	t.deepEqual(
		judged.map(({ layer, check, seen: text }) => [layer, check, text]),
		[
			[
				'start',
				'sanitizer',
				'../source/target/arm/kvm.c:577:31: runtime error: shift exponent 32 is too large for 32-bit type',
			],
			[
				'start',
				'sanitizer',
				'LeakSanitizer: detected memory leaks (in kvm_arch_init, from kvm_init, from accel_init_machine)',
			],
		],
	);
	// Of a long report only the end may be there.
	const end = judgeAround({ ...seen, unexpected: { events: [], stderr: stderr.slice(-1) } }, { asked });
	t.deepEqual(
		end.map(one => one.seen),
		['AddressSanitizer: 18 byte(s) leaked in 1 allocation(s).'],
	);
	const many = Array.from({ length: 6 }, (_, at) => `../a.c:${at + 1}:1: runtime error: shift exponent is too large`);
	const shown = judgeAround({ ...seen, unexpected: { events: [], stderr: many } }, { asked }).map(one => one.seen);
	t.deepEqual(shown, [...many.slice(0, 4), '2 more reports']);
	const died = { state: 'exited', status: 1, signal: null, stderr: stderr.join('\n') } as const;
	t.true(judgeAround({ ...seen, start: died, unexpected: undefined! }, { asked }).length >= 2);
});
