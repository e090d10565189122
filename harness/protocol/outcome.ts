import path from 'node:path';
import { DeadlineError, shorten, systemFault, VpmuError } from '../../src/lib/index.ts';
import {
	type HostFacts,
	hostModel,
	type JudgeOptions,
	type KernelLogObservation,
	type Observations,
	type PmuSettings,
	type Prediction,
	type Verdict,
} from '../../src/pmu/index.ts';
import { describeEvent, type MachineTimings, QemuError } from '../../src/qemu/index.ts';
import { QmpError } from '../../src/qmp/index.ts';
import {
	type CellFiles,
	type CellKernels,
	type CellLogs,
	type CellResult,
	cellFolder,
	type HostCpus,
	type KernelLog,
	type MovedCount,
	type PerfReading,
} from '../../src/run/index.ts';
import type { Known, Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import type { Lease } from './lease.ts';

/** Ends a cell that means nothing on this host or with this QEMU. */
export class CellSkipped extends Error {
	override readonly name = 'CellSkipped';
}

/** Everything that a cell's result is made of. Parts that the cell did not reach are absent. */
export interface CellRecord {
	readonly cell: Cell;
	readonly lease?: Lease | undefined;
	readonly known?: Known | undefined;
	readonly matrix?: Matrix;
	/** Whether the cell is about a PMU; default yes. */
	readonly isJudged?: boolean;
	/** The host as seen by QEMU. */
	readonly facts?: HostFacts | undefined;
	readonly settings?: PmuSettings | undefined;
	readonly prediction?: Prediction | undefined;
	readonly observations?: Observations;
	readonly judging?: JudgeOptions;
	/** The case's unmet demands beyond the prediction. */
	readonly unmet?: readonly string[];
	/** What the body threw. */
	readonly failure?: unknown;
	readonly perf?: readonly PerfReading[];
	readonly moved?: readonly MovedCount[];
	readonly timings?: MachineTimings | undefined;
	/** When the start of the last machine was requested, since the cell began. */
	readonly startMs?: number | undefined;
	/** The machine's files, by content. */
	readonly artifacts?: Readonly<Record<string, string>>;
	/** See {@link CellResult.notes}. */
	readonly notes?: readonly string[];
	readonly totalMs: number;
}

/**
 * Computes the result of a cell that ended early: a skip, a failure of the thing under test, or an error of the
 * infrastructure.
 */
export function broken(record: CellRecord, thrown: unknown): CellResult {
	const error = systemFault(thrown) ?? thrown;
	if (error instanceof CellSkipped) return resultOf(record, 'skip', error.message, null);
	if (error instanceof VpmuError) {
		const evidence = error.evidence
			.slice(-3)
			.map(line => ` | ${line}`)
			.join('');
		const underTest =
			(error instanceof QemuError &&
				error.blame === 'qemu' &&
				['exited', 'killed', 'stuck', 'stopped'].includes(error.failure)) ||
			(error instanceof QmpError && error.death !== undefined) ||
			error.blame === 'guest';
		return resultOf(record, underTest ? 'fail' : 'error', `${error.message}${evidence}`, error.blame);
	}
	// The message says what was waited for; a host that is too slow looks like one that hangs.
	if (error instanceof DeadlineError) return resultOf(record, 'error', error.message, 'host');
	const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
	return resultOf(record, 'error', text.split('\n').slice(0, 3).join(' | '), 'harness');
}

/** Includes output of QEMU and guests. */
const longestReason = 4000;

/** Reasons, disagreements and demands that results hold; more say nothing further. */
const mostReasons = 50;

/** Host CPUs and PMUs that results describe one by one. */
const mostCpus = 1024;

/** The part of a verdict that a result keeps. */
export type Shown = Pick<Verdict, 'contradictions' | 'observed'>;

/** A cell's result, with this status. Pure. */
export function resultOf(
	{
		cell,
		lease,
		settings,
		facts,
		prediction,
		observations,
		perf = [],
		moved = [],
		unmet = [],
		timings,
		startMs,
		artifacts = {},
		notes = [],
		totalMs,
	}: CellRecord,
	status: CellResult['status'],
	reason: string | null,
	blame: CellResult['blame'],
	verdict?: Shown,
): CellResult {
	const logs = logsOf(observations);
	const allNotes = [...notes, ...(logs === undefined ? [] : notesOfLogs(logs))];
	const view = (from: Prediction): NonNullable<CellResult['predicted']> => ({
		backend: from.backend,
		rule: from.rule,
		...(from.type === undefined ? {} : { type: from.type }),
		...(from.name === undefined ? {} : { name: from.name }),
		because: from.because.slice(0, mostReasons).map(text => shorten(text)),
		counting: countingOf(from),
	});
	const disagreements = verdict?.contradictions ?? [];
	return {
		id: cell.id,
		case: cell.case,
		status,
		reason: reason === null ? null : shorten(reason, longestReason),
		blame,
		on: { host: cell.on, topology: cell.topology, kernel: lease?.facts.kernel.release ?? null },
		qemu: {
			version: lease?.qemu.version ?? null,
			path: cell.qemu,
			hasPmuChoice: lease?.inspection.pmuChoice.has ?? null,
		},
		...(lease === undefined ? {} : { kernels: kernelsOf(cell, lease), made: filesOf(lease) }),
		accel: cell.accel,
		machine: cell.machine,
		pmu: settings?.pmu ?? cell.pmu,
		cpuPmu: cell.cpuPmu,
		simulated: facts?.simulated ?? [],
		predicted: prediction === undefined ? null : view(prediction),
		observed: verdict?.observed ?? null,
		...(observations?.selftest === undefined ? {} : { selftest: observations.selftest }),
		...(disagreements.length === 0
			? {}
			: {
					disagreements: disagreements.slice(0, mostReasons).map(({ layer, check, expected, seen }) => ({
						...{ layer, check },
						...{ expected: shorten(expected), seen: shorten(seen) },
					})),
				}),
		...(unmet.length === 0 ? {} : { unmet: unmet.slice(0, mostReasons).map(text => shorten(text)) }),
		...(facts === undefined ? {} : { cpus: cpusOf(facts) }),
		perf,
		...(moved.length === 0 ? {} : { moved }),
		timings: {
			...(startMs === undefined ? {} : { startMs: Math.round(startMs) }),
			spawnMs: timings?.spawnMs ?? null,
			greetingMs: timings?.greetingMs ?? null,
			shellMs: timings?.shellMs ?? null,
			totalMs: Math.round(totalMs),
		},
		...(logs === undefined ? {} : { logs }),
		artifacts: Object.fromEntries(
			Object.entries(artifacts).map(([name, file]) => [
				name,
				path.isAbsolute(file) ? path.posix.join(cellFolder(cell.id), path.basename(file)) : file,
			]),
		),
		...(allNotes.length === 0 ? {} : { notes: allNotes }),
	};
}

function kernelsOf({ on, kernel }: Cell, lease: Lease): CellKernels {
	return {
		guest: { source: kernel ?? lease.sources.kernel, release: lease.kernel.release },
		board: on.startsWith('board:') ? lease.sources.boardKernel : null,
	};
}

function filesOf({ made, buildId, boardKernel }: Lease): CellFiles {
	return {
		qemu: { sha256: made.qemu.sha256, buildId },
		kernel: { sha256: made.kernel.sha256 },
		image: { sha256: made.initrd.sha256, key: path.basename(made.initrd.path) },
		boardKernel: boardKernel === null ? null : { sha256: boardKernel },
	};
}

/** What a vCPU does on each host CPU, in words. */
function countingOf({ counting }: Prediction): Readonly<Record<string, string>> {
	return Object.fromEntries(
		Object.entries(counting)
			.slice(0, mostCpus)
			.map(([cpu, does]) => [cpu, typeof does === 'string' ? does : `unknown: ${does.unknown}`]),
	);
}

/** The host's CPUs and PMUs, as results hold them. */
function cpusOf(facts: HostFacts): HostCpus {
	const { online, allowed, pmus } = hostModel(facts);
	return {
		online: `${online}`,
		allowed: allowed === undefined ? null : `${allowed}`,
		pmus: pmus.slice(0, mostCpus).map(({ name, type, cpus }) => ({ name, type, cpus: `${cpus}` })),
	};
}

/** What kernels and QEMU said by themselves, as results hold it; `undefined` for a cell that started nothing. */
function logsOf(observations: Observations | undefined): CellLogs | undefined {
	if (observations === undefined) return undefined;
	const { guestKernel, hostKernel, unexpected, start } = observations;
	if (guestKernel === undefined && hostKernel === undefined && start === undefined) return undefined;
	const view = (log: KernelLogObservation | undefined): KernelLog | null =>
		log === undefined
			? null
			: {
					unread: log.unread?.reason ?? null,
					reports: log.reports.map(({ name, lines }) => ({ name, lines })),
					known: log.known,
					...(log.lastLines === undefined ? {} : { lastLines: log.lastLines }),
				};
	const { events = [], stderr = [] } = unexpected ?? {};
	return {
		...{ guest: view(guestKernel), host: view(hostKernel) },
		qemu: { events: events.map(describeEvent), stderr },
	};
}

/** Describes what in the logs is worth knowing although it fails nothing, in a sentence each. */
function notesOfLogs({ guest, host, qemu }: CellLogs): readonly string[] {
	const ofKernel = (whose: string, log: KernelLog | null) => [
		...(log === null || log.unread === null
			? []
			: [`the ${whose}'s kernel log was not read completely: ${log.unread}`]),
		...(log?.known ?? []).map(({ name, reason }) => `the ${whose}'s kernel logged '${name}': ${reason}`),
	];
	return [
		...ofKernel('guest', guest),
		...ofKernel('host', host),
		...qemu.events.map(event => `unexpected QMP event: ${event}`),
		...qemu.stderr.map(line => `QEMU wrote to stderr: ${line}`),
	];
}
