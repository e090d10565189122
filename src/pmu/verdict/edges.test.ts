import test from 'ava';
import type { PmuSettings, Prediction } from '../facts.ts';
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
const checksOf = (prediction: Prediction, seen: Observations, options?: JudgeOptions) =>
	judge(prediction, { guestKernel: quiet, ...seen }, options).contradictions.map(
		({ layer, check }) => `${layer} ${check}`,
	);

const onAll = predict(uniform);
const good: Observations = { start: running, qmp: qmp(true), trace: traced(10, 10), guest: guestWith(reading(null)) };
/** What is wrong about these readings, where an event source covers all CPUs. */
const ofReadings = (readings: readonly GuestReading[], options?: JudgeOptions, prediction = onAll) =>
	checksOf(prediction, { ...good, guest: guestWith(...readings) }, options);
const exited = (status: number | null, signal: string | null, stderr: string): Observations => ({
	start: { state: 'exited', status, signal, stderr },
});

test('of a QEMU that did not start, nothing else is demanded', t => {
	t.deepEqual(checksOf(onAll, exited(1, null, 'no such machine')), ['start starts']);
	t.deepEqual(checksOf(onAll, {}), ['start start-seen']);
});

test('a refusal without a known text must name the option, and death by a signal is not a refusal', t => {
	const refusal = predict(uniform, { pmu: '4294967296' });
	t.is(refusal.backend, 'error');
	t.is(refusal.error, undefined);
	t.deepEqual(checksOf(refusal, exited(1, null, 'pmu=4294967296: out of range')), []);
	t.deepEqual(checksOf(refusal, exited(1, null, ' \n')), ['start error-text']);
	t.deepEqual(checksOf(refusal, exited(null, 'SIGSEGV', 'pmu=1: out of range')), ['start refuses']);
	t.deepEqual(checksOf(refusal, exited(0, null, 'pmu=1: out of range')), ['start refuses']);
	t.deepEqual(checksOf(refusal, { start: running }), ['start refuses']);
	const known = predict(uniform, { pmu: '9999' });
	t.deepEqual(checksOf(known, { start: running }), ['start refuses']);
	t.deepEqual(checksOf(known, exited(0, null, known.error!)), ['start refuses']);
	t.deepEqual(checksOf(known, exited(1, null, 'nothing of it')), ['start error-text']);
});

test('readings are demanded on the host CPUs that the case named, and on no others', t => {
	const stops = predict(bigLittle, { qemu: { hasPmuChoice: false }, affinity: '0' });
	const seen = { ...good, trace: { ...traced(), events: 'unknown' as const } };
	const judged = (hostCpus: string | undefined, ...readings: GuestReading[]) =>
		checksOf(stops, { ...seen, guest: guestWith(...readings) }, hostCpus === undefined ? {} : { hostCpus });
	t.deepEqual(judged('0', reading('0')), []);
	t.deepEqual(judged(undefined, reading('0')), ['perf perf-covered']);
	t.deepEqual(judged('0-1', reading('0')), ['perf perf-covered']);
	t.deepEqual(judged('', reading('0')), ['perf perf-cpus']);
	// A reading on no CPU is none.
	t.deepEqual(judged('0', reading('')), ['perf perf-pinned', 'perf perf-covered']);
	t.deepEqual(judged('0', reading('0'), reading('', { event: 'instructions' })), []);
	// A vCPU that moved between a CPU that counts and one that does not shows nothing about either.
	t.deepEqual(judged('0', reading('0'), reading('0-1', notSupported)), []);
	t.deepEqual(judged('0-1', reading('0'), reading('1', zero), reading(null, zero)), []);
	// Of a CPU that is not predicted nothing can be said.
	t.deepEqual(judged('0', reading('0'), reading('7')), ['perf perf-known']);
});

test('an event that stops stands at 0; only one that nobody demands may be missing', t => {
	const stops = predict(bigLittle, { qemu: { hasPmuChoice: false }, affinity: '0' });
	const seen = { ...good, trace: { ...traced(), events: 'unknown' as const } };
	const judged = (event: string, more: Partial<GuestReading>) =>
		checksOf(stops, { ...seen, guest: guestWith(reading('0'), reading('1', zero), reading('1', { event, ...more })) });
	t.deepEqual(judged('instructions', notSupported), []);
	t.deepEqual(judged('instructions', zero), []);
	t.deepEqual(judged('cycles', notSupported), ['perf perf-stops']);
	t.deepEqual(judged('instructions', { count: 1n }), ['perf perf-stops']);
	t.deepEqual(judged('instructions', { state: 'not-counted', count: 0n }), ['perf perf-stops']);
});

test('software events say nothing about a PMU', t => {
	t.deepEqual(ofReadings([reading(null), reading(null, { event: 'task-clock', ...notSupported })]), []);
	t.deepEqual(ofReadings([reading(null), reading(null, { event: 'context-switches', ...stuck })]), []);
	t.deepEqual(ofReadings([reading(null), reading(null, { event: 'l2-switches', ...stuck })]), ['perf perf-progress']);
});

test('an event that a host PMU may lack may be missing, and must count where it is there or demanded', t => {
	const other = (more: Partial<GuestReading>, options?: JudgeOptions) =>
		ofReadings([reading(null), reading(null, { event: 'instructions', ...more })], options);
	t.deepEqual(other(notSupported), []);
	t.deepEqual(other(zero), ['perf perf-counts']);
	t.deepEqual(other({ state: 'not-counted', count: null }), ['perf perf-counts']);
	t.deepEqual(other({ state: 'not-counted', count: 7n }), ['perf perf-counts']);
	t.deepEqual(other(notSupported, { requiredEvents: ['cycles', 'instructions'] }), ['perf perf-counts']);
});

test('if it is known which events a PMU has, those must count, and the others must not', t => {
	const clusters = [source('a53', 10, '0', 'platform/a'), source('a72', 11, '1', 'platform/b')];
	const fixed = predict(host(clusters, { kvm: { ...allKvm, attribute5: 'yes' } }));
	t.is(fixed.backend, 'fixed-counters-only');
	const judged = (more: Partial<GuestReading>, options?: JudgeOptions) =>
		checksOf(
			fixed,
			{
				...{ start: running, qmp: qmp(true) },
				trace: { ...traced(), setFixedCountersOnly: [{ ret: 0 }, { ret: 0 }] },
				guest: { ...guestWith(reading(null), reading(null, more)), counters: 1 },
			},
			options,
		);
	const instructions = { event: 'instructions' };
	t.deepEqual(judged({ ...instructions, ...notSupported }), []);
	t.deepEqual(judged({ ...instructions, ...zero }), []);
	t.deepEqual(judged({ ...instructions, count: 1n }), ['perf perf-absent']);
	t.deepEqual(judged({ ...instructions, state: 'not-counted', count: 0n }), ['perf perf-absent']);
	t.deepEqual(judged({ ...instructions, state: 'not-counted', count: null }), ['perf perf-absent']);
	t.deepEqual(judged({ event: 'cycles:u' }), []);
	t.deepEqual(judged({ event: 'cycles:u', ...notSupported }), ['perf perf-counts']);
	t.deepEqual(judged({ event: 'cycles:u', ...zero }), ['perf perf-counts']);
	// What a case demands must count, whatever the PMU is known to have.
	const demanded = { requiredEvents: ['cycles', 'instructions'] };
	t.deepEqual(judged({ ...instructions, ...notSupported }, demanded), ['perf perf-counts']);
	t.deepEqual(judged({ ...instructions, ...zero }, demanded), ['perf perf-counts']);
	t.deepEqual(judged(instructions, demanded), []);
});

test('the checks of a count come one after the other: without a count, none of the later ones is made', t => {
	const doubled = { doubledCount: 1n, least: 5n };
	t.deepEqual(ofReadings([reading(null, { ...zero, ...doubled })]), ['perf perf-counts']);
	t.deepEqual(ofReadings([reading(null, { count: null, ...doubled })]), ['perf perf-counts']);
	t.deepEqual(ofReadings([reading(null, { count: -1n, ...doubled })]), ['perf perf-counts']);
	t.deepEqual(ofReadings([reading(null, { state: 'not-counted', ...doubled })]), ['perf perf-counts']);
	t.deepEqual(ofReadings([reading(null, stuck)]), ['perf perf-progress']);
	t.deepEqual(ofReadings([reading(null, { doubledCount: null })]), ['perf perf-doubles']);
});

test('twice the work may count 1.3 to 3.5 times as much, or what the case allows', t => {
	const grown = (doubledCount: bigint, options?: JudgeOptions, onCounterNs?: readonly [bigint, bigint]) =>
		ofReadings(
			[reading(null, { count: 1000n, doubledCount, ...(onCounterNs === undefined ? {} : { onCounterNs }) })],
			options,
		);
	for (const [count, options] of [
		[1300n, {}],
		[3500n, {}],
		[1900n, { doubling: [1.9, 2.1] }],
		[2100n, { doubling: [1.9, 2.1] }],
	] as const) {
		t.deepEqual(grown(count, options), [], `${count}`);
	}
	for (const [count, options] of [
		[1299n, {}],
		[3501n, {}],
		[1899n, { doubling: [1.9, 2.1] }],
		[2101n, { doubling: [1.9, 2.1] }],
	] as const) {
		t.deepEqual(grown(count, options), ['perf perf-doubles'], `${count}`);
	}
	// The guest's clock: five times the count in 2.1 to 12.4 times the time.
	t.deepEqual(grown(5000n, {}, [1000n, 2001n]), []);
	t.deepEqual(grown(5000n, {}, [1000n, 2000n]), ['perf perf-doubles']);
	t.deepEqual(grown(5000n, {}, [1000n, 12_499n]), []);
	t.deepEqual(grown(5000n, {}, [1000n, 12_500n]), ['perf perf-doubles']);
	t.deepEqual(grown(5000n, {}, [0n, 5000n]), ['perf perf-doubles']);
	t.deepEqual(grown(5000n, {}, [0n, 0n]), ['perf perf-doubles']);
});

test("the backend that was observed is told by layers that agree, and is unknown where one doesn't say", t => {
	const observed = (more: Partial<Observations>, prediction = onAll) => {
		const { backend, type, name } = judge(prediction, { ...good, ...more }).observed;
		return [backend, type, name].filter(part => part !== undefined).join(' ');
	};
	const noStart = ({ start: _, ...rest }: Observations) => rest;
	t.is(judge(onAll, noStart(good)).observed.backend, 'unknown');
	t.is(observed({}), 'event-source 10 armv8_pmuv3_0');
	t.is(observed({}, predict(bigLittle, { pmu: '11' })), 'event-source 10');
	t.is(observed({ trace: traced(99) }, { ...onAll, type: 99 }), 'event-source 99 armv8_pmuv3_0');
	const { name: _, ...nameless } = onAll;
	t.deepEqual(Object.keys(judge(nameless, good).observed), ['backend', 'type', 'layers']);
	const off = { kvm: { enabled: false, present: true }, cpuPmu: true, runState: 'running' } as const;
	t.is(observed({ qmp: off }), 'unknown');
	t.is(observed({ qmp: off, trace: traced() }), 'unknown');
	t.is(observed({ qmp: off, trace: traced() }, predict(none, { accel: 'tcg' })), 'default');
	const fixed = { ...traced(), setFixedCountersOnly: [{ ret: 0 }] };
	t.is(observed({ trace: fixed }), 'fixed-counters-only');
	t.is(observed({ trace: { ...fixed, setPmu: [{ type: 10, ret: 0 }] } }), 'unknown');
	t.is(observed({ trace: { ...traced(), setFixedCountersOnly: [{ ret: -22 }] } }), 'unknown');
	t.is(observed({ trace: { ...fixed, setPmu: [{ type: 10, ret: -6 }] } }), 'fixed-counters-only');
	t.is(observed({ trace: traced(10, 11) }), 'unknown');
});

test("KVM's default and no PMU leave no trace: the CPU and the guest must both say which", t => {
	const untraced: Observations = { start: running, qmp: qmp(true), trace: traced() };
	const observed = (more: Observations, prediction = onAll) =>
		judge(prediction, { ...untraced, ...more }).observed.backend;
	const tcg = predict(none, { accel: 'tcg' });
	t.is(observed({}), 'unknown');
	t.is(observed({ qmp: qmp('absent') }), 'unknown');
	t.is(observed({ guest: guestWith() }), 'default');
	t.is(observed({ guest: { ...guestWith(), pmuNode: false } }), 'unknown');
	t.is(observed({ guest: { ...guestWith(), counters: null } }), 'unknown');
	t.is(observed({ deviceTree: { pmuNode: true } }), 'default');
	t.is(observed({ deviceTree: { pmuNode: false } }), 'unknown');
	t.is(observed({ qmp: qmp('absent'), guest: guestWithout() }), 'none');
	t.is(observed({ qmp: qmp('absent'), guest: guestWith() }), 'unknown');
	t.is(observed({ qmp: qmp('absent'), deviceTree: { pmuNode: false } }), 'none');
	t.is(observed({ qmp: qmp('absent'), deviceTree: { pmuNode: true } }), 'unknown');
	t.is(observed({ qmp: qmp(false), guest: guestWith() }), 'unknown');
	t.is(observed({ qmp: qmp(false), guest: guestWithout() }), 'unknown');
	const emulated = { kvm: { enabled: false, present: false }, cpuPmu: false, runState: 'running' } as const;
	t.is(observed({ qmp: emulated, guest: guestWithout() }, tcg), 'none');
	t.is(observed({ qmp: emulated, guest: guestWith() }, tcg), 'unknown');
	t.is(observed({ qmp: { ...emulated, cpuPmu: true }, guest: guestWithout() }, tcg), 'unknown');
});

test('each layer tells what it showed, and one that was not asked tells nothing', t => {
	const layers = (more: Observations) => judge(onAll, more).observed.layers;
	t.deepEqual(layers({ start: running }), { qmp: null, trace: null, guest: null });
	t.deepEqual(layers(good), {
		qmp: 'KVM enabled, CPU property pmu true, running',
		trace: 'type 10 ret 0, type 10 ret 0',
		guest: '/pmu node, 7 counters; 1 of 1 readings counted',
	});
	t.is(layers({ ...good, deviceTree: { pmuNode: false } }).guest, '/pmu node, 7 counters; 1 of 1 readings counted');
	const { guest: _, ...unbooted } = good;
	t.is(layers({ ...unbooted, deviceTree: { pmuNode: true } }).guest, 'not booted; a /pmu node in its device tree');
});

test('members that a prediction does not have are absent, not undefined', t => {
	t.false('type' in predict(bigLittle));
	t.false('error' in predict(uniform, { pmu: '-1' }));
	t.true('error' in predict(uniform, { pmu: '9999' }));
});
