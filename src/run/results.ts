import type { Blame } from '../lib/errors.ts';

/** The results format, `vpmu-results/1`. Integers that can exceed 53 bits are decimal strings. */
export interface Results {
	readonly schema: 'vpmu-results/1';
	readonly run: {
		readonly id: string;
		readonly startedAt: string;
		readonly argv: readonly string[];
		readonly vpmu: string;
		readonly durationMs: number;
		/** The part of a larger run that this is; parts of the same `division` are disjoint and leave nothing out. */
		readonly shard?: { readonly index: number; readonly count: number; readonly division: string };
		/** Notes of whoever started the run (`--label`). */
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly cells: readonly CellResult[];
	readonly summary: Readonly<Record<CellStatus, number>>;
}

export type CellStatus = 'pass' | 'fail' | 'xfail' | 'xpass' | 'skip' | 'error';
export const cellStatuses: readonly CellStatus[] = ['pass', 'fail', 'xfail', 'xpass', 'skip', 'error'];

export type PerfState = 'counted' | 'not-counted' | 'not-supported';

export interface PerfReading {
	readonly event: string;
	readonly state: PerfState;
	/** Decimal, `null` when nothing was counted. */
	readonly count: string | null;
	readonly runningPct: number | null;
	/** Host CPUs that the vCPU thread was pinned to while counting, `null` when free. */
	readonly pinned: string | null;
}

export interface BackendView {
	readonly backend: string;
	readonly type?: number | undefined;
	readonly name?: string | undefined;
}

/** What one cell of a run came to. */
export interface CellResult {
	readonly id: string;
	readonly case: string;
	readonly status: CellStatus;
	/** Why, in a sentence, unless the status is a plain `pass`. */
	readonly reason: string | null;
	readonly blame: Blame | null;
	readonly on: { readonly host: string | null; readonly topology: string | null; readonly kernel: string | null };
	readonly qemu: {
		readonly version: string | null;
		readonly path: string | null;
		readonly hasPmuChoice: boolean | null;
	};
	readonly accel: 'kvm' | 'tcg';
	readonly machine: string;
	readonly pmu: string | null;
	readonly cpuPmu: boolean | null;
	/** Capabilities of the host that were simulated for this cell. */
	readonly simulated: readonly string[];
	readonly predicted: (BackendView & { readonly rule: string }) | null;
	readonly observed:
		| (BackendView & { readonly layers: { readonly qmp: unknown; readonly trace: unknown; readonly guest: unknown } })
		| null;
	readonly perf: readonly PerfReading[];
	readonly timings: Readonly<Record<'spawnMs' | 'greetingMs' | 'shellMs' | 'totalMs', number | null>>;
	/** Name to path, relative to the run folder. */
	readonly artifacts: Readonly<Record<string, string>>;
	/** What a person should know and what fails nothing, such as a file that became too long; absent when there is nothing. */
	readonly notes?: readonly string[];
	/** What kernels and QEMU said by themselves; absent for a cell that started nothing. */
	readonly logs?: CellLogs;
	/** Earlier attempts, first one first; absent when there was one only. */
	readonly attempts?: readonly Attempt[];
	/** An earlier attempt went wrong and the last one did not. */
	readonly flaky?: boolean;
	/** The entry of the quarantine list that the cell is on. */
	readonly quarantine?: Quarantine;
}

/** What was said around a cell that nobody had asked for. */
export interface CellLogs {
	/** The kernels of its guests; `null` where none was booted. */
	readonly guest: KernelLog | null;
	/** The kernel of its host; `null` where it was not asked. */
	readonly host: KernelLog | null;
	/** QMP events that no command explains, in words, and lines of stderr that a QEMU which is well does not write. */
	readonly qemu: { readonly events: readonly string[]; readonly stderr: readonly string[] };
}

/** What a kernel logged while a cell ran. */
export interface KernelLog {
	/** Why lines are missing, or all of them; `null` when all were read. */
	readonly unread: string | null;
	/** What it reported, such as `oops null-dereference`, each with its lines: the cell does not pass. */
	readonly reports: readonly { readonly name: string; readonly lines: readonly string[] }[];
	/** Messages that are known and harmless: a line of each, with the reason. */
	readonly known: readonly { readonly name: string; readonly line: string; readonly reason: string }[];
}

/** An attempt that was followed by another one. */
export interface Attempt {
	readonly status: CellStatus;
	readonly reason: string | null;
	readonly blame: Blame | null;
	readonly totalMs: number | null;
	/** Its artifacts, relative to the run folder. */
	readonly folder: string;
}

/** Why and until when a failure of a cell is expected. */
export interface Quarantine {
	readonly reason: string;
	/** The last day, `YYYY-MM-DD` (UTC). */
	readonly until: string;
	/** The day has passed: a failure is a failure again. */
	readonly expired: boolean;
}
