import test from 'ava';
import fc from 'fast-check';
import { GuestError } from '../errors.ts';
import type { PerfStatEntry } from './entry.ts';
import { parsePerfStat } from './parse.ts';

const brief = ({ event, state, count, runningPct, cpu, intervalSeconds, zero }: PerfStatEntry) => ({
	event,
	state,
	count,
	runningPct,
	cpu,
	intervalSeconds,
	zero,
});
const counted = { state: 'counted', runningPct: 100, cpu: null, intervalSeconds: null, zero: false } as const;

test('output of perf in a guest with a KVM PMU', t => {
	const text =
		'5506682,,cycles,23365863,100.00,,\n<not supported>,,instructions,0,100.00,,\n5506631,,r11,23365863,100.00,,\n0,,r8,23365863,100.00,,\n';
	t.deepEqual(parsePerfStat(text).map(brief), [
		{ ...counted, event: 'cycles', count: 5506682n },
		{ ...counted, event: 'instructions', state: 'not-supported', count: null },
		{ ...counted, event: 'r11', count: 5506631n },
		{ ...counted, event: 'r8', count: 0n, zero: true },
	]);
});

test('intervals, CPUs, aggregations, repetitions, and PMU events with commas', t => {
	const [interval] = parsePerfStat('     1.000123456,17,,cycles:u,100,50.00,,\n');
	t.is(interval?.intervalSeconds, 1.000123456);
	t.is(interval?.modifiers, 'u');
	t.is(interval?.runningPct, 50);
	t.is(parsePerfStat('CPU3,17,,cycles,100,100.00,,\n')[0]?.cpu, '3');
	t.like(parsePerfStat('S0-D0-C1,2,17,,cycles,100,100.00,,\n')[0], { cpu: 'S0-D0-C1', count: 17n });
	t.like(parsePerfStat('S0,4,<not counted>,,cycles,0,0.00,,\n')[0], { cpu: 'S0', state: 'not-counted' });
	t.like(parsePerfStat('12345,,instructions:u,0.50%,23365863,100.00,1.33,insn per cycle\n')[0], {
		deviationPct: 0.5,
		metrics: [{ value: '1.33', unit: 'insn per cycle' }],
	});
	t.like(parsePerfStat('7,,armv8_pmuv3/event=0x11,umask=0x1/k,9,100.00,,\n')[0], {
		event: 'armv8_pmuv3/event=0x11,umask=0x1/k',
		pmu: 'armv8_pmuv3',
		modifiers: 'k',
	});
	t.like(parsePerfStat('7;;cycles;9;100.00;;\n', { separator: ';' })[0], { count: 7n });
	t.deepEqual(parsePerfStat('7,,cycles,9,100.00,,\n,,,,,0.52,stalled cycles per insn\n')[0]?.metrics, [
		{ value: '0.52', unit: 'stalled cycles per insn' },
	]);
});

test('a decimal comma', t => {
	t.like(parsePerfStat('5506682,,cycles,23365863,100,00,,\n')[0], { count: 5506682n, runningPct: 100 });
	t.like(parsePerfStat('1,000123456,17,,cycles,9,99,50,,\n')[0], { intervalSeconds: 1.000123456, runningPct: 99.5 });
	t.like(parsePerfStat('1,23,msec,task-clock,1230000,100,00,0,97,CPUs utilized\n')[0], {
		value: '1.23',
		count: null,
		unit: 'msec',
	});
	t.like(parsePerfStat('17;;cycles;9;99,50;;\n', { separator: ';' })[0], { runningPct: 99.5 });
	t.like(
		parsePerfStat(
			'{"counter-value" : "17,000000", "event" : "cycles", "event-runtime" : 9, "pcnt-running" : 99,50}\n',
		)[0],
		{ count: 17n, runningPct: 99.5 },
	);
});

test('JSON lines', t => {
	const text = `{"interval" : 1.000100000, "cpu" : "0", "counter-value" : "5506682.000000", "unit" : "", "event" : "cycles:k", "event-runtime" : 18446744073709551615, "pcnt-running" : 100.00, "metric-value" : "1.2", "metric-unit" : "GHz"}
{"counter-value" : "<not supported>", "unit" : "", "event" : "instructions", "event-runtime" : 0, "pcnt-running" : 100.00, "metric-value" : "0.000000", "metric-unit" : "(null)"}`;
	const [first, second] = parsePerfStat(text);
	t.like(first, { cpu: '0', count: 5506682n, modifiers: 'k', runNs: 18446744073709551615n, intervalSeconds: 1.0001 });
	t.deepEqual(first?.metrics, [{ value: '1.2', unit: 'GHz' }]);
	t.like(second, { state: 'not-supported', count: null, zero: false });
});

test("perf's remarks and kernel messages around counters are skipped", t => {
	const text = `# started on Sun Nov 22 15:00:00 2026

[   12.345678] random: crng init done
5,,cycles,23365863,100.00,,
Some events weren't counted. Try disabling the NMI watchdog:
	echo 0 > /proc/sys/kernel/nmi_watchdog
	perf stat ...
	echo 1 > /proc/sys/kernel/nmi_watchdog
`;
	t.is(parsePerfStat(text).length, 1);
	t.is(parsePerfStat(`hello\n5,,cycles,9,100.00,,\nbye`, { noise: 'any' }).length, 1);
	t.throws(() => parsePerfStat('hello\n5,,cycles,9,100.00,,\nbye'), { instanceOf: GuestError });
});

const refused = [
	'',
	'perf: command not found',
	'5506682,,cycles',
	'5506682,,cycles,23365863',
	'5506682,,cycles,23365863,10',
	'5506682,,cycles,23365863,100.0',
	'5506682,,cycles,23365863,100.01,,',
	'5506682,,cycles,,100.00,,',
	'-5,,cycles,9,100.00,,',
	'0x5,,cycles,9,100.00,,',
	'18446744073709551616,,cycles,9,100.00,,',
	'<not  counted>,,cycles,0,0.00,,',
	'5,,,9,100.00,,',
	'5,,cycles,9,100.00,junk',
	'5,,cycles,9,100.00,1.2,junk\n,,,,,x,junk',
	'{"counter-value" : "5.0", "event" : "cycles"}',
	'{"counter-value" : "x", "event" : "cycles", "event-runtime" : 1, "pcnt-running" : 100.00}',
	'{"counter-value" : "5.0", "event" : "cycles", "event-runtime" : 1, "pcnt-running" : 100.00',
	' 5,506,682      cycles',
	'5,,cycles,9,100.00,,\n55066',
];
for (const text of refused)
	test(`refused: ${JSON.stringify(text)}`, t => {
		const error = t.throws(() => parsePerfStat(text), { instanceOf: GuestError });
		t.is(error?.kind, 'perf-output');
		t.throws(() => parsePerfStat(text, { noise: 'any' }), { instanceOf: GuestError });
	});

const counter = fc.record({
	count: fc.oneof(
		fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
		fc.constantFrom('not-counted' as const, 'not-supported' as const),
	),
	event: fc.constantFrom('cycles', 'r11:u', 'armv8_pmuv3_0/config=0x11,config1=0x1/k', 'cpu_cycles:uk'),
	runNs: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
	running: fc.integer({ min: 0, max: 10000 }),
	cpu: fc.option(fc.nat(1023)),
	interval: fc.option(fc.integer({ min: 0, max: 2 ** 40 })),
});
type Counter = typeof counter extends fc.Arbitrary<infer T> ? T : never;

const print = ({ count, event, runNs, running, cpu, interval }: Counter, separator: string, point: string): string =>
	[
		...(interval === null
			? []
			: [`${Math.floor(interval / 1e9)}${point}${String(interval % 1e9).padStart(9, '0')}`.padStart(16)]),
		...(cpu === null ? [] : [`CPU${cpu}`]),
		typeof count === 'bigint' ? String(count) : `<${count.replace('-', ' ')}>`,
		'',
		event,
		String(runNs),
		(running / 100).toFixed(2).replace('.', point),
		'',
		'',
	].join(separator);

test('every set of counters that can be printed is read back unchanged', t => {
	fc.assert(
		fc.property(
			fc.array(counter, { minLength: 1, maxLength: 8 }),
			fc.constantFrom(',', ';', '|'),
			fc.constantFrom('.', ','),
			(counters, separator, point) => {
				const entries = parsePerfStat(counters.map(one => `${print(one, separator, point)}\n`).join(''), { separator });
				t.deepEqual(
					entries.map(brief),
					counters.map(({ count, event, running, cpu, interval }) => ({
						event,
						state: typeof count === 'bigint' ? ('counted' as const) : count,
						count: typeof count === 'bigint' ? count : null,
						zero: count === 0n,
						runningPct: running / 100,
						cpu: cpu === null ? null : String(cpu),
						intervalSeconds: interval === null ? null : interval / 1e9,
					})),
				);
			},
		),
	);
});

test('a metric without a value does not change its counter', t => {
	t.like(parsePerfStat('0,,cpu_cycles,1397967,100.00,,insn_per_cycle\n0,,inst_retired,1397967,100.00,,\n'), [
		{ event: 'cpu_cycles', state: 'counted', count: 0n, zero: true, metrics: [] },
		{ event: 'inst_retired', state: 'counted', count: 0n, zero: true, metrics: [] },
	]);
	t.like(parsePerfStat('<not counted>,,cpu_cycles,0,100.00,,insn_per_cycle\n'), [
		{ event: 'cpu_cycles', state: 'not-counted', count: null, zero: false, metrics: [] },
	]);
	for (const value of ['nan', '-nan', 'inf', '"nan"', '"none"'])
		t.like(
			parsePerfStat(
				`{"counter-value" : "0.000000", "unit" : "", "event" : "inst_retired", "event-runtime" : 7, "pcnt-running" : 100.00, "metric-value" : ${value}, "metric-unit" : "ipc"}`,
			),
			[{ event: 'inst_retired', count: 0n, zero: true, metrics: [] }],
		);
});
test('a counter truncated before the end of its percentage is an error', t => {
	fc.assert(
		fc.property(counter, fc.double({ min: 0, max: 1, noNaN: true }), (one, where) => {
			const whole = print(one, ',', '.').trimStart();
			const keep = 1 + Math.floor(where * (whole.length - 4));
			const cut = whole.slice(0, keep);
			t.throws(() => parsePerfStat(cut), { instanceOf: GuestError }, cut);
		}),
	);
});

test('no text makes it throw anything but a GuestError', t => {
	fc.assert(
		fc.property(fc.string({ unit: fc.constantFrom(...'0159,.:/<>{}" \nCPU%ecycles|not') }), text => {
			try {
				t.true(parsePerfStat(text).length > 0);
			} catch (error) {
				t.true(error instanceof GuestError);
			}
		}),
	);
});
