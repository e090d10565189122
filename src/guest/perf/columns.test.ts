import test from 'ava';
import fc from 'fast-check';
import { GuestError } from '../errors.ts';
import { expectedOf, type Printed, printCounter, type Style } from '../testing/perf-printer.ts';
import { parsePerfStat } from './parse.ts';

test('a count of a control group, a thread, a cache or a cluster says so', t => {
	t.like(parsePerfStat('12345,,cycles,machine.slice,23365863,100.00,,\n'), [
		{ event: 'cycles', cgroup: 'machine.slice', count: 12345n },
	]);
	const groups = parsePerfStat(
		`{"counter-value" : "5.000000", "unit" : "", "event" : "cycles", "cgroup" : "machine.slice", "event-runtime" : 9, "pcnt-running" : 100.00}
{"counter-value" : "7.000000", "unit" : "", "event" : "cycles", "cgroup" : "machine-qemu\\x2d1.scope", "event-runtime" : 9, "pcnt-running" : 100.00}`,
	);
	t.deepEqual(
		groups.map(({ cgroup, count }) => [cgroup, count]),
		[
			['machine.slice', 5n],
			['machine-qemu\\x2d1.scope', 7n],
		],
	);
	t.like(parsePerfStat('vmstat-23644,76908700,,cycles,12341234,100.00,,\n'), [
		{ thread: 'vmstat-23644', cpu: null, count: 76908700n },
	]);
	t.like(
		parsePerfStat(
			`{"thread" : "vmstat-23644", "counter-value" : "5.000000", "unit" : "", "event" : "cycles", "event-runtime" : 9, "pcnt-running" : 100.00}
{"cache" : "S0-D0-L3-ID0", "counters" : 4, "counter-value" : "5.000000", "unit" : "", "event" : "cycles", "event-runtime" : 9, "pcnt-running" : 100.00}`,
		),
		[{ thread: 'vmstat-23644' }, { thread: null, cpu: 'S0-D0-L3-ID0', aggregated: 4 }],
	);
	t.like(parsePerfStat('S0-D0-CLS1,4,17,,cycles,9,100.00,,'), [{ cpu: 'S0-D0-CLS1', aggregated: 4, count: 17n }]);
	t.like(parsePerfStat('S1-C3,2,17,,cycles,9,100.00,,'), [{ cpu: 'S1-C3', aggregated: 2, count: 17n }]);
});

test('the sum over all intervals is not one of them', t => {
	const told = parsePerfStat('     1.000123456,17,,cycles,9,100.00,,\n         summary,17,,cycles,9,100.00,,\n');
	const untold = parsePerfStat('1.000123456,17,,cycles,9,100.00,,\n17,,cycles,9,100.00,,\n');
	for (const entries of [told, untold])
		t.like(entries, [
			{ intervalSeconds: 1.000123456, summary: false },
			{ intervalSeconds: null, summary: true },
		]);
});

test('names of events: breakpoints, PMUs in brackets, modifiers of hybrid PMUs', t => {
	const nameOf = (event: string) => {
		const [entry] = parsePerfStat(`CPU0,5,,${event},9,100.00,,`);
		return [entry?.event, entry?.pmu, entry?.modifiers, entry?.cpu, entry?.cgroup];
	};
	for (const [event, pmu, modifiers] of [
		['mem:0x411d10/8:rw', null, ''],
		['mem:0x411d10:x:u', null, 'u'],
		['mem:0x411d10/4:w:k', null, 'k'],
		['l1d_cache_refill [armv8_cortex_a55]', 'armv8_cortex_a55', ''],
		['cycles:u [armv8_cortex_a55]', 'armv8_cortex_a55', 'u'],
		['cpu_core/cycles:u/', 'cpu_core', 'u'],
		['cpu_core/cycles/u', 'cpu_core', 'u'],
		['armv8_cortex_a76/event=0x11,long=1/', 'armv8_cortex_a76', ''],
		['sched:sched_switch', null, ''],
	] as const)
		t.deepEqual(nameOf(event), [event, pmu, modifiers, '0', null]);
});

test('a metric group is not a metric of the counter before it', t => {
	t.deepEqual(
		parsePerfStat('5,,cycles,9,100.00,1.5,GHz\n,,,,,0.3,more\n,77,100.00,,,,TopdownL1\n,,,,,20.5,tma_retiring\n').map(
			({ metrics }) => metrics,
		),
		[
			[
				{ value: '1.5', unit: 'GHz' },
				{ value: '0.3', unit: 'more' },
			],
		],
	);
	t.throws(() => parsePerfStat('CPU0,5,,cycles,9,100.00,1.5,GHz\nCPU1,,,,,,0.3,more\n'), {
		message: /a metric that belongs elsewhere than the counter before it/,
	});
});

test('what can be read in two ways is refused by name', t => {
	t.throws(() => parsePerfStat('S0-D0-C1,2,17,msec,task-clock,9,100,00,,'), {
		instanceOf: GuestError,
		message: /it can be read as 17 task-clock of S0-D0-C1 and as 2\.17 task-clock of S0-D0-C1/,
	});
	t.throws(() => parsePerfStat('5::cycles:u:9:100.00::', { separator: ':' }), {
		message: /can be read as 5 cycles of u and as 5 cycles:u/,
	});
	t.throws(() => parsePerfStat('{"cpu" : "0", "insn per cycle" : "0.5"}'), {
		message: /"insn per cycle" is not a member/,
	});
	t.throws(() => parsePerfStat('time,cpu,insn per cycle,\n1.000123456,CPU0,0.50,'), { instanceOf: GuestError });
});

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const places: fc.Arbitrary<Printed['place']> = fc.oneof(
	fc.constant({ kind: 'none' as const }),
	fc.record({ kind: fc.constant('cpu' as const), cpu: fc.nat(1023) }),
	fc.record({ kind: fc.constant('percore' as const), id: fc.constantFrom('S0-D0-C1', 'S1-D1-C12') }),
	fc
		.tuple(
			fc.constantFrom(
				['socket', 'S0'],
				['socket', 'S-1'],
				['node', 'N1'],
				['die', 'S0-D1'],
				['core', 'S0-D0-C1'],
				['core', 'S0-C3'],
				['cluster', 'S0-D0-CLS4'],
				['cache', 'S0-D0-L3-ID0'],
			),
			fc.nat(256),
		)
		.map(([[key, id], cpus]) => ({ kind: 'aggregation' as const, key: key!, id: id!, cpus })),
	fc
		.constantFrom(
			'vmstat-23644',
			'CPU 0/KVM-812',
			'kworker/0:1-5',
			'(sd-pam)-7',
			'S0-D0-C1-12',
			'CPU3-7',
			'N1-4',
			'1-2',
		)
		.map(thread => ({ kind: 'thread' as const, thread })),
);
const events = [
	...[
		'cycles',
		'r11:u',
		'cpu_cycles:uk',
		'sched:sched_switch',
		'L1-dcache-load-misses',
		'mem:0x411d10/8:rw',
		'mem:0x40:x:u',
	],
	...['armv8_pmuv3_0/config=0x11,config1=0x1/k', 'l1d_cache_refill [armv8_cortex_a55]', 'cpu_core/cycles:u/'],
	...['armv8_cortex_a76/cycles/', 'armv8_pmuv3/event=0x11,long=1,name=long/'],
];
const metric = fc.record({
	hundredths: fc.option(fc.nat(10_000_000)),
	unit: fc.constantFrom('insn per cycle', 'GHz', 'of all branches', 'K/sec', 'stalled cycles per insn'),
});
const printed: fc.Arbitrary<Omit<Printed, 'time'>> = fc
	.record({
		place: places,
		count: fc.oneof(u64, fc.constantFrom('not-counted' as const, 'not-supported' as const)),
		event: fc.constantFrom(...events),
		isClock: fc.boolean(),
		hundredths: fc.nat(99),
		cgroup: fc.constantFrom(null, 'machine.slice', '/', 'a/b', 'machine-qemu\\x2d1.scope', 'user.slice/user-0.slice'),
		deviation: fc.nat(20_000),
		runNs: u64,
		running: fc.nat(10_000),
		metrics: fc.array(metric, { maxLength: 3 }),
		group: fc.option(fc.constantFrom('TopdownL1', 'TopdownL1 (cpu_core)')),
	})
	.map(({ isClock, hundredths, ...one }) => ({
		...one,
		...(isClock ? { event: 'task-clock', unit: 'msec', fraction: hundredths } : { unit: '', fraction: null }),
	}));
const styles: fc.Arbitrary<Style> = fc.record({
	release: fc.constantFrom('4.14', '5.10', '6.2', '6.12', '7.2'),
	separator: fc.constantFrom(null, ',', ';', '|', '\t', '@@'),
	point: fc.constantFrom('.', ','),
	repeated: fc.boolean(),
	cgroups: fc.boolean(),
});

/** Counters as one perf prints them: all of them for each interval, then their sum. */
function documentOf(counters: readonly Omit<Printed, 'time'>[], times: readonly (number | null)[], style: Style) {
	const isOld = style.release === '4.14';
	const summary = times[0] === null ? [] : (['summary'] as const);
	return [...times, ...summary].flatMap(time =>
		counters.map(one => ({ ...one, time, unit: isOld && one.fraction !== null ? '' : one.unit })),
	);
}

const runs = fc.oneof(
	fc.constant([null] as readonly (number | null)[]),
	fc.array(fc.nat(2 ** 31), { minLength: 1, maxLength: 2 }),
);

function check(t: { deepEqual(a: unknown, b: unknown): unknown }, document: readonly Printed[], style: Style): void {
	const text = document.map(one => printCounter(one, style)).join('');
	const options = style.separator === null ? {} : { separator: style.separator };
	const entries = parsePerfStat(text, options).map(
		({ pmu: _pmu, modifiers: _modifiers, value: _value, ...rest }) => rest,
	);
	t.deepEqual(
		entries,
		document.map(one => expectedOf(one, style)),
	);
}

test('what the releases of perf print is read with all its columns', t => {
	fc.assert(
		fc.property(fc.array(printed, { minLength: 1, maxLength: 4 }), runs, styles, (counters, times, style) => {
			fc.pre(style.separator !== style.point);
			check(t, documentOf(counters, times, style), style);
		}),
		{ numRuns: 1000 },
	);
});

test('where the separator is the decimal point too, nothing is read wrong, and the usual is read', t => {
	let refused = 0;
	fc.assert(
		fc.property(printed, runs, styles, (counter, times, any) => {
			const style = { ...any, separator: ',', point: ',' } as const;
			try {
				check(t, documentOf([counter], times, style), style);
			} catch (error) {
				const isUsual = counter.place.kind !== 'percore' && counter.place.kind !== 'aggregation' && !style.cgroups;
				if (isUsual || !(error instanceof GuestError && /it can be read as/.test(error.message))) throw error;
				refused += 1;
			}
		}),
		{ numRuns: 1000 },
	);
	t.true(refused < 200, `${refused} of 1000 refused`);
});
