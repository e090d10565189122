import test from 'ava';
import type { HostFacts, PmuSettings, Prediction } from '../facts.ts';
import { predictBackend } from '../predict/predict.ts';
import { allKvm, bigLittle, host, none, source, uniform } from '../testing/facts.ts';
import {
	guestWith,
	guestWithout,
	notSupported,
	qmp,
	quiet,
	reading,
	running,
	stuck,
	traced,
	zero,
} from '../testing/seen.ts';
import type { GuestReading, Observations } from './observed.ts';
import { type JudgeOptions, judge } from './verdict.ts';

const predict = (facts: Parameters<typeof predictBackend>[0], settings: Partial<PmuSettings> = {}) =>
	predictBackend(facts, { machine: 'virt', qemu: { hasPmuChoice: true }, ...settings });

const fixedHost = host(
	[source('armv8_cortex_a53', 10, '0', 'platform/pmu-little'), source('armv8_cortex_a72', 11, '1', 'platform/pmu-big')],
	{ kvm: { ...allKvm, attribute5: 'yes' } },
);

/** Cells whose layers all agree, one for each kind of backend. */
const agreeing: Record<
	string,
	{ prediction: Prediction; seen: Observations; backend: string; options?: JudgeOptions }
> = {
	'event source of all': {
		prediction: predict(uniform),
		seen: {
			start: running,
			qmp: qmp(true),
			trace: traced(10, 10),
			guestKernel: quiet,
			guest: guestWith(reading(null, { doubledCount: 11_000_000n })),
		},
		backend: 'event-source 10 armv8_pmuv3_0',
	},
	'event source of one cluster': {
		prediction: predict(bigLittle, { pmu: '11' }),
		seen: {
			start: running,
			qmp: qmp(true),
			trace: traced(11, 11),
			guest: guestWith(reading('1'), reading('0', stuck)),
		},
		backend: 'event-source 11 armv8_cortex_a72',
	},
	"KVM's default that stops": {
		prediction: predict(bigLittle, { qemu: { hasPmuChoice: false }, affinity: '0' }),
		seen: {
			start: running,
			qmp: qmp(true),
			trace: { ...traced(), events: 'unknown' },
			guest: guestWith(reading('0'), reading('1', zero)),
		},
		backend: 'default',
	},
	'an old machine type': {
		prediction: predict(uniform, { qemu: { hasPmuChoice: true, machineBackcompatPmu: true } }),
		seen: {
			start: running,
			qmp: { ...qmp(true), machineBackcompatPmu: true },
			trace: traced(),
			guest: guestWith(reading('0'), reading('1'), reading('0-1')),
		},
		backend: 'default',
		options: { machineBackcompatPmu: true, hostCpus: '0-1' },
	},
	none: {
		prediction: predict(bigLittle),
		seen: { start: running, qmp: qmp('absent'), trace: traced(), guest: guestWithout(reading(null, notSupported)) },
		backend: 'none',
	},
	'fixed counters only': {
		prediction: predict(fixedHost),
		seen: {
			start: running,
			qmp: qmp(true),
			trace: { ...traced(), setFixedCountersOnly: [{ ret: 0 }, { ret: 0 }] },
			guest: { ...guestWith(reading(null), reading(null, { event: 'instructions', ...notSupported })), counters: 1 },
		},
		backend: 'fixed-counters-only',
	},
	'taken away with pmu=off': {
		prediction: predict(uniform, { cpuPmu: false }),
		seen: { start: running, qmp: qmp(false), trace: traced(10), guest: guestWithout(reading(null, notSupported)) },
		backend: 'event-source 10 armv8_pmuv3_0',
	},
	emulated: {
		prediction: predict(none, { accel: 'tcg' }),
		seen: {
			start: running,
			qmp: { ...qmp(true), kvm: { enabled: false, present: false } },
			trace: traced(),
			guest: guestWith(reading(null), reading(null, { event: 'instructions', ...notSupported })),
		},
		backend: 'default',
	},
	'a refusal': {
		prediction: predict(uniform, { pmu: '9999' }),
		seen: {
			start: { state: 'exited', status: 1, signal: null, stderr: 'qemu: Failed to retrieve host CPU features\n' },
		},
		backend: 'error',
	},
};

for (const one of Object.values(agreeing))
	if (one.seen.guest !== undefined) one.seen = { ...one.seen, guestKernel: quiet };

for (const [name, { prediction, seen, backend, options }] of Object.entries(agreeing)) {
	test(`agrees: ${name}`, t => {
		const verdict = judge(prediction, seen, options);
		t.deepEqual(verdict.reasons, []);
		t.true(verdict.agrees);
		const { observed } = verdict;
		t.is([observed.backend, observed.type, observed.name].filter(part => part !== undefined).join(' '), backend);
	});

	for (const layer of Object.keys(seen) as (keyof Observations)[]) {
		test(`${name}: without the layer ${layer} it is red`, t => {
			const { [layer]: _, ...others } = seen;
			const verdict = judge(prediction, others, options);
			t.false(verdict.agrees);
			t.deepEqual(
				[...new Set(verdict.contradictions.map(contradiction => contradiction.layer))],
				[layer === 'guestKernel' ? 'guest-kernel' : layer],
			);
		});
	}

	if (seen.guest === undefined) continue;
	test(`${name}: each reading that is missing is missed`, t => {
		const guest = seen.guest!;
		const needed = guest.readings.filter(
			({ event, pinned }) =>
				event === 'cycles' && (pinned === null || prediction.counting[Number(pinned)] !== 'counts'),
		);
		t.true(needed.length > 0);
		for (const one of needed) {
			const readings = guest.readings.filter(other => other !== one);
			const verdict = judge(prediction, { ...seen, guest: { ...guest, readings } }, options);
			t.is(verdict.agrees, name === 'an old machine type');
		}
	});
}

type Falsify = (seen: Required<Observations>) => Partial<Observations>;
const withReading =
	(more: Partial<GuestReading>): Falsify =>
	seen => ({
		guest: { ...seen.guest, readings: [{ ...seen.guest.readings[0]!, ...more }, ...seen.guest.readings.slice(1)] },
	});
const withStart =
	(status: number | null, signal: string | null, stderr = ''): Falsify =>
	() => ({
		start: { state: 'exited', status, signal, stderr },
	});

/** One falsified layer, with the check that must notice it. */
const falsified: readonly [of: string, title: string, falsify: Falsify, check: string][] = [
	['event source of all', 'QEMU exited', withStart(1, null, 'no'), 'starts'],
	['event source of all', 'QEMU was killed', withStart(null, 'SIGABRT'), 'starts'],
	[
		'event source of all',
		'KVM is not enabled',
		seen => ({ qmp: { ...seen.qmp, kvm: { enabled: false, present: true } } }),
		'qmp-kvm',
	],
	['event source of all', 'the CPU has no PMU', seen => ({ qmp: { ...seen.qmp, cpuPmu: 'absent' } }), 'qmp-cpu-pmu'],
	['event source of all', 'the CPU has pmu off', seen => ({ qmp: { ...seen.qmp, cpuPmu: false } }), 'qmp-cpu-pmu'],
	[
		'event source of all',
		'it stopped',
		seen => ({ qmp: { ...seen.qmp, runState: 'internal-error' } }),
		'qmp-run-state',
	],
	[
		'an old machine type',
		'the compat property is missing',
		seen => ({ qmp: { ...seen.qmp, machineBackcompatPmu: false } }),
		'qmp-compat',
	],
	['an old machine type', 'compat properties were not asked', () => ({ qmp: qmp(true) }), 'qmp-compat'],
	['event source of all', 'another type', () => ({ trace: traced(11, 11) }), 'trace-type'],
	['event source of all', 'one vCPU got another type', () => ({ trace: traced(10, 11) }), 'trace-type'],
	['event source of all', 'one vCPU was left out', () => ({ trace: traced(10) }), 'trace-lines'],
	['event source of all', 'nothing was set', () => ({ trace: traced() }), 'trace-lines'],
	[
		'event source of all',
		'KVM refused',
		() => ({
			trace: {
				...traced(),
				setPmu: [
					{ type: 10, ret: 0 },
					{ type: 10, ret: -6 },
				],
			},
		}),
		'trace-ret',
	],
	[
		'event source of all',
		'fixed counters too',
		seen => ({ trace: { ...seen.trace, setFixedCountersOnly: [{ ret: 0 }] } }),
		'trace-fixed-lines',
	],
	['none', 'the trace events are not there', () => ({ trace: { ...traced(), events: 'unknown' } }), 'trace-events'],
	['none', 'something was set', () => ({ trace: traced(10, 10) }), 'trace-lines'],
	["KVM's default that stops", 'this QEMU has the choice after all', () => ({ trace: traced() }), 'trace-events'],
	[
		'fixed counters only',
		'KVM refused',
		() => ({ trace: { ...traced(), setFixedCountersOnly: [{ ret: 0 }, { ret: -16 }] } }),
		'trace-ret',
	],
	['event source of all', 'no /pmu node', seen => ({ guest: { ...seen.guest, pmuNode: false } }), 'guest-node'],
	[
		'event source of all',
		'no event source',
		seen => ({ guest: { ...seen.guest, eventSources: ['software'] } }),
		'guest-sources',
	],
	['event source of all', 'no counters', seen => ({ guest: { ...seen.guest, counters: null } }), 'guest-counters'],
	['fixed counters only', 'more counters', seen => ({ guest: { ...seen.guest, counters: 7 } }), 'guest-counters'],
	['none', 'a /pmu node', seen => ({ guest: { ...seen.guest, pmuNode: true } }), 'guest-node'],
	[
		'none',
		'an event source',
		seen => ({ guest: { ...seen.guest, eventSources: ['software', 'armv8_pmuv3'] } }),
		'guest-sources',
	],
	['none', 'counters', seen => ({ guest: { ...seen.guest, counters: 7 } }), 'guest-counters'],
	['none', 'sysfs was not read', seen => ({ guest: { ...seen.guest, eventSources: [] } }), 'guest-listed'],
	['none', 'it counts', withReading({ state: 'counted', count: 1n, runningPct: 100 }), 'perf-none'],
	['none', 'not counted is not unsupported', withReading({ state: 'not-counted' }), 'perf-none'],
	['event source of all', 'zero where work was done', withReading({ count: 0n }), 'perf-counts'],
	['event source of all', 'not counted', withReading({ state: 'not-counted', count: null }), 'perf-counts'],
	['event source of all', 'not supported', withReading(notSupported), 'perf-counts'],
	['event source of all', 'counted without a figure', withReading({ count: null }), 'perf-counts'],
	['event source of all', 'never on a counter', withReading({ runningPct: 0 }), 'perf-running'],
	['event source of all', 'share of time unknown', withReading({ runningPct: null }), 'perf-running'],
	['event source of all', 'the work failed', withReading({ worked: false }), 'perf-worked'],
	['event source of all', 'the vCPU is stuck', withReading(stuck), 'perf-progress'],
	['event source of all', 'twice the work counts the same', withReading({ doubledCount: 5_506_682n }), 'perf-doubles'],
	['event source of all', 'twice the work was not counted', withReading({ doubledCount: null }), 'perf-doubles'],
	[
		'event source of one cluster',
		'it runs where it cannot',
		seen => ({ guest: { ...seen.guest, readings: [reading('1'), reading('0')] } }),
		'perf-cannot-run',
	],
	['event source of one cluster', 'it is stuck where it runs', withReading(stuck), 'perf-progress'],
	[
		"KVM's default that stops",
		'it goes on counting',
		seen => ({ guest: { ...seen.guest, readings: [reading('0'), reading('1')] } }),
		'perf-stops',
	],
	[
		"KVM's default that stops",
		'not counted is not zero',
		seen => ({
			guest: { ...seen.guest, readings: [reading('0'), reading('1', { state: 'not-counted', count: null })] },
		}),
		'perf-stops',
	],
	[
		'fixed counters only',
		'another event counts',
		seen => ({ guest: { ...seen.guest, readings: [reading(null), reading(null, { event: 'instructions' })] } }),
		'perf-absent',
	],
	[
		'emulated',
		'instructions count without icount',
		seen => ({ guest: { ...seen.guest, readings: [reading(null), reading(null, { event: 'instructions' })] } }),
		'perf-absent',
	],
	['emulated', 'it is KVM', () => ({ qmp: qmp(true) }), 'qmp-kvm'],
	['a refusal', 'it started', () => ({ start: running }), 'refuses'],
	['a refusal', 'it crashed', withStart(null, 'SIGSEGV', 'Failed to retrieve host CPU features'), 'refuses'],
	['a refusal', 'it exited as if all were well', withStart(0, null, 'Failed to retrieve host CPU features'), 'refuses'],
	['a refusal', 'for another reason', withStart(1, null, 'could not open kernel'), 'error-text'],
];

for (const [of, title, falsify, check] of falsified) {
	test(`${of}, falsified: ${title}`, t => {
		const { prediction, seen, options } = agreeing[of]!;
		const falsehood = falsify(seen as Required<Observations>);
		const verdict = judge(prediction, { ...seen, ...falsehood }, options);
		t.false(verdict.agrees);
		t.true(
			verdict.contradictions.some(contradiction => contradiction.check === check),
			verdict.reasons.join('\n'),
		);
	});
}

test('counting that is not known beforehand cannot be judged', t => {
	const prediction = predict(bigLittle, { qemu: { hasPmuChoice: false } });
	const { seen } = agreeing["KVM's default that stops"]!;
	for (const readings of [seen.guest!.readings, []]) {
		const verdict = judge(prediction, { ...seen, guest: { ...seen.guest!, readings } });
		t.deepEqual([...new Set(verdict.contradictions.map(({ check }) => check))], ['perf-known']);
	}
});

test('observed is unknown where layers do not tell, whatever was predicted', t => {
	const { prediction, seen } = agreeing['event source of all']!;
	const observed = (more: Partial<Observations>) => judge(prediction, { ...seen, ...more }).observed.backend;
	t.is(observed({ trace: traced(10, 11) }), 'unknown');
	t.is(observed({ trace: { ...traced(), setPmu: [{ type: 10, ret: -6 }] } }), 'unknown');
	t.is(observed({ trace: traced(), guest: guestWithout() }), 'unknown');
	t.is(observed({ trace: traced() }), 'default');
	t.is(observed({ trace: traced(), qmp: qmp('absent'), guest: guestWithout() }), 'none');
	t.is(judge(prediction, {}).observed.backend, 'unknown');
});

test('a start without a boot is judged by the device tree made for its guest', t => {
	const seen: Observations = { start: running, qmp: qmp(true), trace: traced(10, 10), deviceTree: { pmuNode: true } };
	const judged = (observations: Observations, prediction = predict(uniform)) =>
		judge(prediction, observations, { booted: false }).contradictions.map(one => one.check);
	t.deepEqual(judged(seen), []);
	t.deepEqual(judged({ ...seen, deviceTree: { pmuNode: false } }), ['tree-node']);
	const { deviceTree: _, ...unasked } = seen;
	t.deepEqual(judged(unasked), ['tree-asked']);
	const none: Observations = { start: running, qmp: qmp('absent'), trace: traced(), deviceTree: { pmuNode: false } };
	t.deepEqual(judged(none, predict(bigLittle)), []);
	t.is(judge(predict(bigLittle), none, { booted: false }).observed.backend, 'none');
	t.deepEqual(judged({ ...none, deviceTree: { pmuNode: true } }, predict(bigLittle)), ['tree-node']);
});

test('less than the work takes on any CPU is not that work', t => {
	const judged = (more: Partial<GuestReading>) =>
		judge(predict(uniform), {
			start: running,
			qmp: qmp(true),
			trace: traced(10, 10),
			guestKernel: quiet,
			guest: guestWith(reading(null, more)),
		}).contradictions.map(one => one.check);
	t.deepEqual(judged({ least: 5_000_000n }), []);
	t.deepEqual(judged({ least: 6_000_000n }), ['perf-least']);
});

test('a refusal that names the option is better than the one that is known', t => {
	const prediction = predict(uniform, { pmu: '9999' });
	const judged = (stderr: string) =>
		judge(prediction, { start: { state: 'exited', status: 1, signal: null, stderr } }).contradictions.map(
			one => one.check,
		);
	t.deepEqual(judged('qemu: Failed to retrieve host CPU features'), []);
	t.deepEqual(judged('qemu: -accel kvm,pmu=9999: no such event source'), []);
	t.deepEqual(judged("qemu: Property 'host-arm-cpu.pmu' not found"), ['error-text']);
	t.deepEqual(judged('qemu: Segmentation fault'), ['error-text']);
});

test('a refusal is compared by its reason, even if the message is not known', t => {
	const judged = (facts: HostFacts, settings: Partial<PmuSettings>, stderr: string) =>
		judge(predict(facts, settings), {
			start: { state: 'exited', status: 1, signal: null, stderr },
		}).contradictions.map(one => one.check);
	const wrapped = { pmu: '-1', cpuPmu: false };
	t.deepEqual(judged(bigLittle, wrapped, "qemu: Property 'host-arm-cpu.pmu' not found"), ['error-text']);
	t.deepEqual(judged(bigLittle, wrapped, 'qemu: -accel kvm,pmu=-1: value out of range'), []);
	t.deepEqual(judged(bigLittle, wrapped, "qemu: Property 'kvm-accel.pmu' not found"), ['error-text']);
	t.deepEqual(judged(bigLittle, wrapped, ''), ['error-text']);
	// A QEMU that lacks the option refuses it for a reason of its own.
	t.deepEqual(judged(uniform, { pmu: 'text' }, "qemu: Property 'kvm-accel.pmu' not found"), ['error-text']);
	t.deepEqual(judged(uniform, { pmu: 'text' }, "qemu: Parameter 'pmu' expects uint64"), []);
	const lacking = { pmu: '10', qemu: { hasPmuChoice: false, version: '10.0.13' } };
	t.deepEqual(judged(uniform, lacking, "qemu: Property 'kvm-accel.pmu' not found"), []);
	t.deepEqual(judged(uniform, lacking, "qemu: Parameter 'pmu' expects uint64"), ['error-text']);
	// A refusal that has nothing to do with the option is not explained by one of it.
	const off = { cpuPmu: true };
	t.deepEqual(judged(bigLittle, off, "qemu: Property 'host-arm-cpu.pmu' not found"), []);
	t.deepEqual(judged(bigLittle, off, 'qemu: -accel kvm,pmu=10: refused'), ['error-text']);
});

test('a count that grew too much is excused by the clock of the guest; one that did not grow never is', t => {
	const judged = (more: Partial<GuestReading>) =>
		judge(predict(uniform), {
			start: running,
			qmp: qmp(true),
			trace: traced(10, 10),
			guestKernel: quiet,
			guest: guestWith(reading(null, { count: 1000n, ...more })),
		}).contradictions.map(one => one.check);
	t.deepEqual(judged({ doubledCount: 5000n }), ['perf-doubles']);
	t.deepEqual(judged({ doubledCount: 5000n, onCounterNs: [100n, 500n] }), []);
	t.deepEqual(judged({ doubledCount: 5000n, onCounterNs: [100n, 150n] }), ['perf-doubles']);
	t.deepEqual(judged({ doubledCount: 5000n, onCounterNs: [100n, 5000n] }), ['perf-doubles']);
	t.deepEqual(judged({ doubledCount: 1000n, onCounterNs: [100n, 100n] }), ['perf-doubles']);
	t.deepEqual(judged({ doubledCount: 5000n, onCounterNs: [0n, 0n] }), ['perf-doubles']);
});
