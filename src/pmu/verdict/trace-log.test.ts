import test from 'ava';
import { parseTraceLog } from './trace-log.ts';

test('lines of the choice are read, with and without time stamps, among others', t => {
	const text = [
		'kvm_arm_set_pmu type 11 ret 0',
		'4711@1700000000.123456:kvm_arm_set_pmu type 4294967295 ret -6',
		'un-handled exit reason 9',
		'kvm_arm_set_pmu_fixed_counters_only ret -16',
		'kvm_arm_set_pmu type 11',
		'',
	].join('\n');
	t.deepEqual(parseTraceLog(text, true), {
		events: 'known',
		setPmu: [
			{ type: 11, ret: 0 },
			{ type: 4_294_967_295, ret: -6 },
		],
		setFixedCountersOnly: [{ ret: -16 }],
	});
	t.deepEqual(parseTraceLog('', false), { events: 'unknown', setPmu: [], setFixedCountersOnly: [] });
});
