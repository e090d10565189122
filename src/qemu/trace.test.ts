import test from 'ava';
import fc from 'fast-check';
import { exitReasonName, parseTrace, tracedPmu } from './trace.ts';

test('the events of the PMU choice', t => {
	const { events, other } = parseTrace('kvm_arm_set_pmu type 10 ret 0\nkvm_arm_set_pmu type 10 ret 0\n');
	t.is(events.length, 2);
	t.deepEqual(events[0], { event: 'kvm_arm_set_pmu', numbers: { type: 10, ret: 0 }, text: 'type 10 ret 0' });
	t.deepEqual(other, []);
	t.deepEqual(tracedPmu(events), { backend: 'event-source', type: 10, results: [0, 0] });
});

test('a refused type', t => {
	t.deepEqual(tracedPmu(parseTrace('kvm_arm_set_pmu type 9999 ret -6\n').events), {
		backend: 'event-source',
		type: 9999,
		results: [-6],
	});
});

test('the largest type', t => {
	t.like(tracedPmu(parseTrace('kvm_arm_set_pmu type 4294967295 ret -6\n').events), { type: 4294967295 });
});

test('fixed counters only', t => {
	t.deepEqual(tracedPmu(parseTrace('kvm_arm_set_pmu_fixed_counters_only ret 0\n').events), {
		backend: 'fixed-counters-only',
		results: [0],
	});
});

test('no request', t => t.deepEqual(tracedPmu([]), { backend: null, results: [] }));

test('two types contradict each other', t => {
	t.deepEqual(tracedPmu(parseTrace('kvm_arm_set_pmu type 10 ret 0\nkvm_arm_set_pmu type 11 ret 0\n').events), {
		backend: 'contradictory',
		results: [0, 0],
		seen: ['kvm_arm_set_pmu type 10', 'kvm_arm_set_pmu type 11'],
	});
});

test('time stamps, and numbers in all notations', t => {
	const { events } = parseTrace(
		'4711@1763827940.123456:kvm_run_exit cpu_index 1, reason 9\nkvm_device_ioctl dev fd 23, type 0x4018aee1, arg 0x7ffd\n',
	);
	t.deepEqual(events[0], {
		event: 'kvm_run_exit',
		numbers: { cpu_index: 1, reason: 9 },
		text: 'cpu_index 1, reason 9',
		atSeconds: 1763827940.123456,
	});
	t.like(events[1], { numbers: { fd: 23, type: 0x4018aee1, arg: 0x7ffd } });
});

test('exits without handling are counted by reason', t => {
	const line = 'kvm_arch_handle_exit: un-handled exit reason 9\n';
	const { unhandledExits, events } = parseTrace(
		`${line}${line}${line}kvm_arch_handle_exit: un-handled exit reason 77\n`,
	);
	t.deepEqual(unhandledExits, [
		{ reason: 9, name: 'KVM_EXIT_FAIL_ENTRY', count: 3 },
		{ reason: 77, name: null, count: 1 },
	]);
	t.deepEqual(events, []);
	t.is(exitReasonName(9), 'KVM_EXIT_FAIL_ENTRY');
});

test('other items of the log are kept, but not an incomplete line', t => {
	const { other, events } = parseTrace('virt: feature not implemented\nkvm_arm_set_pmu type 10 re');
	t.deepEqual(other, ['virt: feature not implemented']);
	t.deepEqual(events, []);
});

test('property: any text gives a result, and every complete line is used exactly once', t => {
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.array(fc.string().filter(line => !/[\n\r]/.test(line) && line !== '')), lines => {
				const { events, unhandledExits, other } = parseTrace(lines.map(line => `${line}\n`).join(''));
				return (
					events.length + other.length + unhandledExits.reduce((sum, { count }) => sum + count, 0) === lines.length
				);
			}),
		),
	);
});
