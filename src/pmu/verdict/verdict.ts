import { counted } from '../../lib/text/counted.ts';
import { CpuSet, parseCpuList } from '../cpu-list.ts';
import type { Counting, Prediction } from '../facts.ts';
import { cyclesEvent } from '../predict/apply.ts';
import { type AroundOptions, judgeAround } from './around.ts';
import { observedBackend } from './infer.ts';
import type {
	Contradiction,
	DeviceTreeObservation,
	GuestObservation,
	GuestReading,
	Observations,
	QmpObservation,
	StartObservation,
	TraceObservation,
	Verdict,
} from './observed.ts';

export interface JudgeOptions extends AroundOptions {
	/** perf events that must have a reading on every group of host CPUs; default `cycles`, or `r11` without that event. */
	readonly requiredEvents?: readonly string[];
	/** Default `running`; a start with `-S` is `prelaunch` or `paused`. */
	readonly runState?: string;
	/** Allowed ratio of the counts for twice the work and once; default `[1.3, 3.5]`. Wide, because vCPUs share CPUs. */
	readonly doubling?: readonly [least: number, most: number];
	/** The expected answer of `query-machines`, if it was asked. */
	readonly machineBackcompatPmu?: boolean;
	/** `false` for a start that deliberately boots no guest. The guest layer is then the device tree made for it. */
	readonly booted?: boolean;
	/** Host CPUs that readings must cover; default: all CPUs in the prediction. */
	readonly hostCpus?: string;
}

/** Records a contradiction unless `holds`, which it returns. */
type Check = (name: string, holds: boolean, expected: string, seen: string) => boolean;

/**
 * Compares the prediction with the observations of independent layers. They agree only if every layer was asked, answered
 * and matched the prediction. A missing layer, a missing reading, `<not counted>`, or zero for completed work contradicts.
 */
export function judge(prediction: Prediction, observations: Observations, options: JudgeOptions = {}): Verdict {
	const contradictions: Contradiction[] = [];
	const on =
		(layer: Contradiction['layer']): Check =>
		(check, holds, expected, seen) => {
			if (!holds) contradictions.push({ layer, check, expected, seen });
			return holds;
		};
	contradictions.push(...judgeAround(observations, options));
	if (judgeStart(on('start'), prediction, observations.start)) {
		const { qmp, trace, guest } = observations;
		if (qmp === undefined) on('qmp')('qmp-asked', false, 'answers over QMP', 'QMP was not asked');
		else {
			judgeQmp(on('qmp'), prediction, qmp, options);
		}
		if (trace === undefined) on('trace')('trace-asked', false, 'a trace log', 'there is no trace log');
		else judgeTrace(on('trace'), prediction, trace);
		if (options.booted === false) {
			judgeDeviceTree(on('guest'), prediction, observations.deviceTree);
			return verdictOf(contradictions, observations, prediction);
		}
		if (guest === undefined) on('guest')('guest-asked', false, 'a guest that answers', 'the guest was not asked');
		else {
			judgeGuest(on('guest'), prediction, guest);
			judgeReadings(on('perf'), prediction, guest.readings, options);
		}
	}
	return verdictOf(contradictions, observations, prediction);
}

function verdictOf(
	contradictions: readonly Contradiction[],
	observations: Observations,
	prediction: Prediction,
): Verdict {
	const reasons = contradictions.map(({ layer, expected, seen }) => `${layer}: expected ${expected}, but ${seen}`);
	return {
		agrees: contradictions.length === 0,
		observed: observedBackend(observations, prediction),
		contradictions,
		reasons,
	};
}

/** Whether a contradiction only shows that the prediction says nothing, so that nobody can be blamed for it. */
export const isUnpredicted = ({ check }: Contradiction) => check === 'perf-known' || check === 'perf-cpus';

/** Whether a contradiction only shows that a case did not take a reading, or took it on no CPU. */
export const isUntaken = ({ check }: Contradiction) => check === 'perf-covered' || check === 'perf-pinned';

/** What a guest can bring about, and what shows only that QEMU was not asked. */
const notQemus = /^(qmp-run-state|qmp-events|start-seen|.*-asked)$/;

/** Whether a contradiction is about what QEMU itself did, the device tree included, which its guest cannot change. */
export const isOfQemu = ({ layer, check }: Contradiction) =>
	check === 'tree-node' || (/^(start|qmp|trace)$/.test(layer) && !notQemus.test(check));

/** Whether there is more to check: QEMU should run, and did. */
function judgeStart(check: Check, prediction: Prediction, start: StartObservation | undefined): boolean {
	if (start === undefined) {
		check('start-seen', false, 'to see how QEMU started', 'nobody looked');
		return false;
	}
	if (prediction.backend === 'error') {
		const { rule, error } = prediction;
		const status = start.state === 'exited' ? start.status : null;
		// One that a signal ended has no status.
		check('refuses', status !== null && status !== 0, `QEMU to refuse to start (${rule})`, describeStart(start));
		if (start.state === 'running') return false;
		// Of an option that QEMU lacks no value is refused.
		const isOfValue = isOfOption.test(rule) && error?.includes('-accel.') !== true;
		const isSaid = error !== undefined && start.stderr.includes(error);
		const why = error === undefined ? 'it to name the option pmu' : `it to say '${error}'`;
		check('error-text', isSaid || (isOfValue && namesPmuOption(start.stderr)), why, describeStart(start));
		return false;
	}
	return check('starts', start.state === 'running', 'QEMU to start', describeStart(start));
}

/** Rules by which the value of the accelerator's option `pmu` is refused. */
const isOfOption = /^(bad-option|out-of-range|explicit-refused)$/;

/**
 * Whether a message names the value of the accelerator's option `pmu`, which is better than any current QEMU message. A QEMU
 * that lacks the option refuses it for another reason.
 */
function namesPmuOption(stderr: string): boolean {
	return !/not found/.test(stderr) && /\bpmu=|kvm-accel\.pmu\b|-accel \w+,pmu|Parameter 'pmu'/.test(stderr);
}

function describeStart(start: StartObservation): string {
	if (start.state === 'running') return 'it started';
	const end = start.signal === null ? `exited with status ${start.status}` : `was killed by ${start.signal}`;
	const said = start.stderr.trim().split('\n').slice(-3).join(' / ');
	return `it ${end}${said === '' ? ' and said nothing' : `: ${said}`}`;
}

function judgeQmp(check: Check, prediction: Prediction, qmp: QmpObservation, options: JudgeOptions): void {
	const kvm = prediction.accel === 'kvm';
	check('qmp-kvm', qmp.kvm.enabled === kvm, `query-kvm to say enabled ${kvm}`, `it says ${qmp.kvm.enabled}`);
	check(
		'qmp-cpu-pmu',
		qmp.cpuPmu === prediction.cpuPmuProperty,
		`the CPU's property pmu to be ${prediction.cpuPmuProperty}`,
		`it is ${qmp.cpuPmu}`,
	);
	const runState = options.runState ?? 'running';
	check('qmp-run-state', qmp.runState === runState, `run state ${runState}`, `it is '${qmp.runState}'`);
	if (options.machineBackcompatPmu !== undefined) {
		check(
			'qmp-compat',
			qmp.machineBackcompatPmu === options.machineBackcompatPmu,
			`the machine type to ${options.machineBackcompatPmu ? '' : 'not '}have backcompat-pmu in its compat properties`,
			qmp.machineBackcompatPmu === undefined ? 'they were not asked' : `it is ${qmp.machineBackcompatPmu}`,
		);
	}
}

function judgeTrace(check: Check, prediction: Prediction, trace: TraceObservation): void {
	const { setPmu, setFixedCountersOnly } = trace;
	const events = prediction.traceEvents ? 'known' : 'unknown';
	check('trace-events', trace.events === events, `the trace events to be ${events}`, `they are ${trace.events}`);
	const source = prediction.backend === 'event-source' ? prediction.traceLines : 0;
	const fixed = prediction.backend === 'fixed-counters-only' ? prediction.traceLines : 0;
	const types = [...new Set(setPmu.map(({ type }) => type))];
	check(
		'trace-lines',
		setPmu.length === source,
		`${counted(source, 'line')} of kvm_arm_set_pmu`,
		`there are ${setPmu.length}${types.length === 0 ? '' : `, of type ${types.join(' and ')}`}`,
	);
	check(
		'trace-fixed-lines',
		setFixedCountersOnly.length === fixed,
		`${counted(fixed, 'line')} of kvm_arm_set_pmu_fixed_counters_only`,
		`there are ${setFixedCountersOnly.length}`,
	);
	// Without a predicted type, the lines themselves are too many.
	for (const type of prediction.type === undefined ? [] : types) {
		check('trace-type', type === prediction.type, `event source type ${prediction.type}`, `type ${type} was set`);
	}
	for (const ret of new Set(setPmu.map(({ ret }) => ret))) {
		check('trace-ret', ret === 0, 'KVM to take the event source', `it returned ${ret}`);
	}
	for (const { ret } of setFixedCountersOnly) check('trace-ret', ret === 0, 'KVM to take it', `it returned ${ret}`);
}

function judgeDeviceTree(check: Check, { guestHasPmu }: Prediction, tree: DeviceTreeObservation | undefined): void {
	const wanted = `${guestHasPmu ? 'a' : 'no'} /pmu node in the guest's device tree`;
	if (tree === undefined) check('tree-asked', false, wanted, 'it was not asked for');
	else check('tree-node', tree.pmuNode === guestHasPmu, wanted, tree.pmuNode ? 'there is one' : 'there is none');
}

function judgeGuest(check: Check, prediction: Prediction, guest: GuestObservation): void {
	const has = prediction.guestHasPmu;
	const sources = guest.eventSources.filter(name => /^(armv[78]_|arm_pmuv3|apple_)/.test(name));
	check(
		'guest-node',
		guest.pmuNode === has,
		`${has ? 'a' : 'no'} /pmu node`,
		guest.pmuNode ? 'there is one' : 'there is none',
	);
	check('guest-listed', guest.eventSources.length > 0, 'event sources in sysfs, software at least', 'there are none');
	check(
		'guest-sources',
		sources.length === (has ? 1 : 0),
		`${has ? 'one event source' : 'no event source'} of an Arm PMU`,
		sources.length === 0 ? 'there is none' : `there is ${sources.join(', ')}`,
	);
	const counters = guest.counters ?? 0;
	if (!has) check('guest-counters', counters === 0, 'no PMU in the kernel log', `it has ${counters} counters`);
	else if (prediction.backend === 'fixed-counters-only') {
		check('guest-counters', counters === 1, 'the cycle counter alone', `the kernel log gives ${guest.counters}`);
	} else check('guest-counters', counters >= 1, 'counters in the kernel log', `it gives ${guest.counters}`);
}

/** Events that the guest's kernel counts itself, with or without a PMU. */
const softwareEvent =
	/^(task-clock|cpu-clock|context-switches|cs|cpu-migrations|migrations|page-faults|faults|(minor|major)-faults|dummy|duration_time|user_time|system_time|alignment-faults|emulation-faults|bpf-output)$/;

function judgeReadings(
	check: Check,
	prediction: Prediction,
	readings: readonly GuestReading[],
	options: JudgeOptions,
): void {
	const spoken = CpuSet.of(...Object.keys(prediction.counting).map(Number));
	const cpus = options.hostCpus === undefined ? spoken : parseCpuList(options.hostCpus);
	const required = options.requiredEvents ?? [cyclesEvent(prediction)];
	check('perf-cpus', cpus.size > 0, 'host CPUs to read on', 'none is known');
	for (const reading of readings) judgeReading(check, prediction, reading, cpus, required, options);
	for (const [group, members] of countingGroups(prediction, cpus)) {
		for (const event of required) {
			const inside = readings.some(
				reading =>
					reading.event === event && members.covers(pinnedTo(reading, cpus)) && pinnedTo(reading, cpus).size > 0,
			);
			const name = isPredicted(prediction, members) ? 'perf-covered' : 'perf-known';
			check(name, inside, `a reading of ${event} on host CPU ${members} (${group})`, 'there is none');
		}
	}
}

const pinnedTo = (reading: GuestReading, all: CpuSet) => (reading.pinned === null ? all : parseCpuList(reading.pinned));

const wordOf = (counting: Counting | undefined) =>
	counting === undefined ? 'not predicted' : typeof counting === 'string' ? counting : `unknown: ${counting.unknown}`;

const isPredicted = ({ counting }: Prediction, cpus: CpuSet) =>
	[...cpus].every(cpu => typeof counting[cpu] === 'string');

/** Groups host CPUs by their prediction. */
function countingGroups(prediction: Prediction, cpus: CpuSet): ReadonlyMap<string, CpuSet> {
	const groups = new Map<string, CpuSet>();
	for (const cpu of cpus) {
		const word = wordOf(prediction.counting[cpu]);
		groups.set(word, (groups.get(word) ?? new CpuSet()).or(CpuSet.of(cpu)));
	}
	return groups;
}

function judgeReading(
	check: Check,
	prediction: Prediction,
	reading: GuestReading,
	all: CpuSet,
	required: readonly string[],
	options: JudgeOptions,
): void {
	if (softwareEvent.test(reading.event)) return;
	const { event, state, count } = reading;
	const where = `${event} on host CPU ${pinnedTo(reading, all)}`;
	const seen = state === 'counted' ? `it counted ${count}` : `it is ${state}`;
	const words = [...countingGroups(prediction, pinnedTo(reading, all)).keys()];
	if (words.length !== 1) {
		// A vCPU that moves between different CPUs shows nothing about either.
		check('perf-pinned', !required.includes(event) || words.length > 1, `${where} to be predicted`, 'it is not');
		return;
	}
	const word = words[0]!;
	if (!isPredicted(prediction, pinnedTo(reading, all))) {
		check('perf-known', false, `a prediction for ${where}`, `it is ${word}`);
		return;
	}
	if (word === 'cannot-run') {
		check('perf-cannot-run', state === 'stuck', `the vCPU not to run on host CPU ${reading.pinned}`, seen);
		return;
	}
	const runs = `the vCPU to run on host CPU ${pinnedTo(reading, all)}`;
	if (!check('perf-progress', state !== 'stuck', runs, 'it made no progress')) return;
	check('perf-worked', reading.worked, `the work to be done for ${where}`, 'it was not, so the figure says nothing');
	if (word === 'no-pmu') {
		check('perf-none', state === 'not-supported', `${where} not to be supported`, seen);
	} else if (word === 'stops') {
		check(
			'perf-stops',
			state === 'not-supported' ? !required.includes(event) : state === 'counted' && count === 0n,
			`${where} to stand at 0`,
			seen,
		);
	} else judgeCounted(check, prediction, reading, where, seen, required, options);
}

function judgeCounted(
	check: Check,
	prediction: Prediction,
	reading: GuestReading,
	where: string,
	seen: string,
	required: readonly string[],
	options: JudgeOptions,
): void {
	const { event, state, count, runningPct } = reading;
	const listed = prediction.events === 'host' ? undefined : prediction.events.includes(event.replace(/:\w+$/, ''));
	if (listed === false && !required.includes(event)) {
		// An event that the PMU lacks may be present but never count (QEMU emulates the stall events this way).
		check(
			'perf-absent',
			state === 'not-supported' || (state === 'counted' && count === 0n),
			`${where} not to count`,
			seen,
		);
		return;
	}
	// Apart from cycles, it is not predicted which events a host's PMU has; but an event that is present must count.
	if (state === 'not-supported' && listed === undefined && !required.includes(event)) return;
	const counted = state === 'counted' ? (count ?? 0n) : 0n;
	if (!check('perf-counts', counted > 0n, `${where} to count`, seen)) return;
	const share = runningPct ?? 0;
	check('perf-running', share > 0, `${where} to have been on a counter`, `it was for ${runningPct} %`);
	const { least = 0n } = reading;
	const enough = `${where} to count at least ${least} for the work that it was given`;
	check('perf-least', counted >= least, enough, seen);
	if (reading.doubledCount === undefined) return;
	const [fewest, most] = options.doubling ?? [1.3, 3.5];
	const ratio = Number(reading.doubledCount) / Number(counted);
	check(
		'perf-doubles',
		ratio >= fewest && (ratio <= most || isDelayed(reading, ratio)),
		`${where} to count about twice as much for twice the work`,
		`it counted ${reading.doubledCount} after ${count}`,
	);
}

/**
 * Whether the guest's clock confirms that twice the work took proportionally longer. On an emulated host cycles are time, and
 * other load delays both. Not meaningful for a count that does not grow.
 */
function isDelayed({ onCounterNs }: GuestReading, ratio: number): boolean {
	if (onCounterNs === undefined) return false;
	// Of a clock that stood still the ratio is not a number, or infinite.
	const slower = ratio / (Number(onCounterNs[1]) / Number(onCounterNs[0]));
	return slower > 1 / 2.5 && slower < 2.5;
}
