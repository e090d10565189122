import path from 'node:path';
import {
	type BackendView,
	type CellResult,
	DeadlineError,
	type FindingId,
	findings,
	type HostFacts,
	type JudgeOptions,
	judge,
	type MachineTimings,
	type Observations,
	type PerfReading,
	type PmuSettings,
	type Prediction,
	postedStarts,
	QemuError,
	QmpError,
	RunFolder,
	systemFault,
	type Verdict,
	VpmuError,
} from '../../src/index.ts';
import type { Known, Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import type { Lease } from '../protocol/lease.ts';

/** Ends a cell that means nothing on this host or for this QEMU. */
export class CellSkipped extends Error {
	override readonly name = 'CellSkipped';
}

/** Everything that a cell's result is made of. What a cell did not get to is absent. */
export interface CellRecord {
	readonly cell: Cell;
	readonly lease?: Lease | undefined;
	readonly known?: Known | undefined;
	readonly matrix?: Matrix;
	/** The host as QEMU saw it. */
	readonly facts?: HostFacts | undefined;
	readonly settings?: PmuSettings | undefined;
	readonly prediction?: Prediction | undefined;
	readonly observations?: Observations;
	readonly judging?: JudgeOptions;
	/** Demands of the case beyond the prediction that were not met. */
	readonly unmet?: readonly string[];
	/** What the body threw. */
	readonly failure?: unknown;
	readonly perf?: readonly PerfReading[];
	readonly timings?: MachineTimings | undefined;
	/** The machine's files, by what they hold. */
	readonly artifacts?: Readonly<Record<string, string>>;
	readonly totalMs: number;
}

/** What a cell came to. Pure. */
export function conclude(record: CellRecord): CellResult {
	const { failure, settings, facts, prediction, observations = {}, judging = {}, unmet = [], known, matrix } = record;
	const refused = failure instanceof QemuError && observations.start?.state === 'exited';
	if (failure !== undefined && !refused) return broken(record, failure);
	if (prediction === undefined || settings === undefined || facts === undefined || known === undefined) {
		return broken(record, new VpmuError('the cell ended before anything was predicted', { blame: 'harness' }));
	}
	const verdict = judge(prediction, observations, judging);
	if (!verdict.agrees) {
		const finding = findingSeen(facts, settings, observations, judging);
		// A finding explains the choice and nothing besides.
		return finding === undefined || unmet.length > 0
			? resultOf(record, 'fail', [...verdict.reasons, ...unmet].join('; '), guilty(verdict), verdict)
			: resultOf(record, 'xfail', finding, null, verdict);
	}
	const expected = matrix?.expectFailure?.(known, unmet);
	if (unmet.length > 0) {
		return expected === undefined
			? resultOf(record, 'fail', unmet.join('; '), 'qemu', verdict)
			: resultOf(record, 'xfail', expected, null, verdict);
	}
	if (expected !== undefined) return resultOf(record, 'xpass', `expected to fail: ${expected}`, null, verdict);
	const mended = findingGone(facts, settings);
	return mended === undefined
		? resultOf(record, 'pass', null, null, verdict)
		: resultOf(record, 'xpass', `no longer so: ${mended}`, null, verdict);
}

/** The result of a cell that did not get to its end: a skip, a failure of what is under test, or an error of what is not. */
export function broken(record: CellRecord, thrown: unknown): CellResult {
	const error = systemFault(thrown) ?? thrown;
	if (error instanceof CellSkipped) return resultOf(record, 'skip', error.message, null);
	if (error instanceof VpmuError) {
		const evidence = error.evidence
			.slice(-3)
			.map(line => ` | ${line}`)
			.join('');
		const underTest =
			(error instanceof QemuError && error.blame === 'qemu' && ['exited', 'killed', 'stuck'].includes(error.failure)) ||
			(error instanceof QmpError && error.death !== undefined) ||
			error.blame === 'guest';
		return resultOf(record, underTest ? 'fail' : 'error', `${error.message}${evidence}`, error.blame);
	}
	// What was waited for in vain is in the message; a host that is too slow cannot be told from one that hangs.
	if (error instanceof DeadlineError) return resultOf(record, 'error', error.message, 'host');
	const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
	return resultOf(record, 'error', text.split('\n').slice(0, 3).join(' | '), 'harness');
}

/**
 * The finding that explains why the posted code's outcome is not the specified one, when what was seen is just what
 * that code comes to; `undefined` when it is not.
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

/** The finding that should have shown, when the posted code can only come to something else than was seen. */
function findingGone(facts: HostFacts, settings: PmuSettings): string | undefined {
	const posted = postedStarts(facts, settings);
	const finding = posted.every(start => start.findings.length > 0) ? posted[0]?.findings[0] : undefined;
	return finding === undefined ? undefined : `finding ${finding}: ${findings[finding as FindingId]}`;
}

function guilty(verdict: Verdict): CellResult['blame'] {
	return verdict.contradictions.some(one => one.layer === 'guest' || one.layer === 'perf') ? 'guest' : 'qemu';
}

function resultOf(
	{ cell, lease, settings, facts, prediction, perf = [], timings, artifacts = {}, totalMs }: CellRecord,
	status: CellResult['status'],
	reason: string | null,
	blame: CellResult['blame'],
	verdict?: Verdict,
): CellResult {
	const view = (from: Prediction): BackendView & { rule: string } => ({
		backend: from.backend,
		rule: from.rule,
		...(from.type === undefined ? {} : { type: from.type }),
		...(from.name === undefined ? {} : { name: from.name }),
	});
	return {
		id: cell.id,
		case: cell.case,
		status,
		reason,
		blame,
		on: { host: cell.on, topology: cell.topology, kernel: lease?.facts.kernel.release ?? null },
		qemu: {
			version: lease?.qemu.version ?? null,
			path: cell.qemu,
			hasPmuChoice: lease?.inspection.pmuChoice.has ?? null,
		},
		accel: cell.accel,
		machine: cell.machine,
		pmu: settings?.pmu ?? cell.pmu,
		cpuPmu: cell.cpuPmu,
		simulated: facts?.simulated ?? [],
		predicted: prediction === undefined ? null : view(prediction),
		observed: verdict?.observed ?? null,
		perf,
		timings: {
			spawnMs: timings?.spawnMs ?? null,
			greetingMs: timings?.greetingMs ?? null,
			shellMs: timings?.shellMs ?? null,
			totalMs: Math.round(totalMs),
		},
		artifacts: Object.fromEntries(
			Object.entries(artifacts).map(([name, file]) => [
				name,
				path.isAbsolute(file) ? path.posix.join(RunFolder.cellFolder(cell.id), path.basename(file)) : file,
			]),
		),
	};
}
