import { DeadlineError, VpmuError } from '../../src/lib/index.ts';
import {
	type Contradiction,
	describeReport,
	describeSelftest,
	type FindingId,
	findings,
	type HostFacts,
	isOfQemu,
	isUnpredicted,
	isUntaken,
	type JudgeOptions,
	judge,
	judgeAround,
	kernelFaults,
	type Observations,
	type PmuSettings,
	postedStarts,
	type Verdict,
} from '../../src/pmu/index.ts';
import { QemuError } from '../../src/qemu/index.ts';
import type { CellResult } from '../../src/run/index.ts';
import { broken, type CellRecord, resultOf, type Shown } from '../protocol/outcome.ts';

/** Computes the result of a cell from its observations. Pure. */
export function conclude(record: CellRecord): CellResult {
	const { failure, settings, facts, prediction, observations = {}, judging = {}, unmet = [], known, matrix } = record;
	if (record.isJudged === false) return concludeUnjudged(record);
	const refused = failure instanceof QemuError && observations.start?.state === 'exited';
	if (failure !== undefined && !refused) return withKernels(record, broken(record, failure));
	if (prediction === undefined || settings === undefined || facts === undefined || known === undefined) {
		return broken(record, new VpmuError('the cell ended before anything was predicted', { blame: 'harness' }));
	}
	const verdict = judge(prediction, observations, judging);
	if (!verdict.agrees) {
		const finding = findingSeen(facts, settings, observations, judging);
		// A finding explains only the choice.
		return finding === undefined || unmet.length > 0
			? resultOf(record, ...failed(verdict, unmet, facts), verdict)
			: resultOf(record, 'xfail', finding, null, verdict);
	}
	const expected = matrix?.expectFailure?.(known, unmet);
	if (unmet.length > 0) {
		return expected === undefined
			? resultOf(record, 'fail', unmet.join('; '), 'qemu', verdict)
			: resultOf(record, 'xfail', expected, null, verdict);
	}
	if (expected !== undefined) return resultOf(record, 'xpass', `expected to fail: ${expected}`, null, verdict);
	const fixed = findingGone(facts, settings);
	return fixed === undefined
		? resultOf(record, 'pass', null, null, verdict)
		: resultOf(record, 'xpass', `no longer so: ${fixed}`, null, verdict);
}

/**
 * Returns the status, the reason and the blame of a cell with a contradiction. Nobody is blamed if there is no prediction.
 * A case that did not read what it has to is itself to blame. If KVM does not do what it says, that explains what guests see.
 */
function failed(
	{ contradictions }: Verdict,
	unmet: readonly string[],
	facts: HostFacts,
): [status: CellResult['status'], reason: string, blame: CellResult['blame']] {
	const predicted = contradictions.filter(one => !isUnpredicted(one));
	if (predicted.length === 0) return ['skip', [...reasonsOf(contradictions), ...unmet].join('; '), null];
	const shown = predicted.filter(one => !isUntaken(one));
	if (shown.length + unmet.length === 0) return ['error', reasonsOf(predicted).join('; '), 'harness'];
	const faults = shown.some(({ layer }) => layer === 'guest' || layer === 'perf') ? kernelFaults(facts) : [];
	const told = faults.map(fault => `KVM, asked without QEMU: ${fault}`);
	const reason = [...reasonsOf(predicted), ...unmet, ...told].join('; ');
	return ['fail', reason, faults.length > 0 ? 'kernel' : guilty(shown)];
}

const reasonsOf = (contradictions: readonly Contradiction[]) =>
	contradictions.map(({ layer, expected, seen }) => `${layer}: expected ${expected}, but ${seen}`);

/**
 * Computes the result of a cell of `vmTest`: the case's own demands, and what holds for every machine
 * (src/pmu/verdict/around.ts).
 */
function concludeUnjudged(record: CellRecord): CellResult {
	const { failure, unmet = [], known, matrix, observations = {}, judging = {} } = record;
	if (failure !== undefined) return withKernels(record, broken(record, failure));
	const around = judgeAround(observations, judging);
	const verdict = selftestVerdict(observations, around);
	if (around.length > 0) {
		return resultOf(record, 'fail', [...reasonsOf(around), ...unmet].join('; '), guilty(around), verdict);
	}
	const expected = known === undefined ? undefined : matrix?.expectFailure?.(known, unmet);
	if (unmet.length > 0) {
		return expected === undefined
			? resultOf(record, 'fail', unmet.join('; '), 'qemu')
			: resultOf(record, 'xfail', expected, null);
	}
	return expected === undefined
		? resultOf(record, 'pass', null, null, verdict)
		: resultOf(record, 'xpass', `expected to fail: ${expected}`, null);
}

/** What a cell that runs one of the kernel's own tests shows instead of a backend; `undefined` for other cells. */
function selftestVerdict({ selftest }: Observations, contradictions: readonly Contradiction[]): Shown | undefined {
	if (selftest === undefined) return undefined;
	return {
		contradictions,
		observed: {
			backend: 'unknown',
			layers: { qmp: null, trace: null, guest: null, selftest: describeSelftest(selftest) },
		},
	};
}

/**
 * Computes the result of a cell that ended early, from the error and what the kernels logged meanwhile. Trouble in the
 * host's kernel outranks everything; trouble in the guest's kernel outranks a wait that timed out.
 */
function withKernels(record: CellRecord, result: CellResult): CellResult {
	const { hostKernel, guestKernel } = record.observations ?? {};
	if (result.status === 'skip') return result;
	const [ofHost, ofGuest] = [hostKernel?.reports ?? [], guestKernel?.reports ?? []];
	const said = [
		...ofHost.slice(0, 3).map(report => `the host's kernel is in trouble: ${describeReport(report)}`),
		...ofGuest.slice(0, 3).map(report => `the guest's kernel is in trouble: ${describeReport(report)}`),
	].filter(text => !result.reason?.includes(text));
	if (said.length === 0) return result;
	const reason = [result.reason, ...said].filter(text => text !== null).join('; ');
	if (ofHost.length > 0) return { ...result, status: 'fail', blame: 'kernel', reason };
	return record.failure instanceof DeadlineError
		? { ...result, status: 'fail', blame: 'guest', reason }
		: { ...result, reason };
}

/**
 * Returns the finding that explains why the outcome is not the specified one, if the posted code is known to produce
 * just this outcome; else `undefined`.
 */
function findingSeen(
	facts: HostFacts,
	settings: PmuSettings,
	observations: Observations,
	judging: JudgeOptions,
): string | undefined {
	const { start } = observations;
	for (const posted of postedStarts(facts, settings)) {
		const [finding] = posted.findings;
		if (finding === undefined) continue;
		const seen = posted.ends
			? start?.state === 'exited' && start.signal !== null
			: judge(posted.prediction, observations, judging).agrees;
		if (seen) return `finding ${finding}: ${findings[finding as FindingId]}`;
	}
	return undefined;
}

/** Returns the finding that should have shown, if the posted code cannot produce the outcome seen. */
function findingGone(facts: HostFacts, settings: PmuSettings): string | undefined {
	const posted = postedStarts(facts, settings);
	const finding = posted.every(start => start.findings.length > 0) ? posted[0]?.findings[0] : undefined;
	return finding === undefined ? undefined : `finding ${finding}: ${findings[finding as FindingId]}`;
}

/**
 * Returns whom to blame for contradictions: a kernel in trouble explains what the layers above it show, and what QEMU chose
 * explains what its guest sees.
 */
function guilty(contradictions: readonly Contradiction[]): CellResult['blame'] {
	const isIn = (...layers: readonly Contradiction['layer'][]) => contradictions.some(one => layers.includes(one.layer));
	if (isIn('host-kernel', 'selftest')) return 'kernel';
	if (contradictions.some(isOfQemu)) return 'qemu';
	return isIn('guest-kernel', 'guest', 'perf') ? 'guest' : 'qemu';
}
