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
		/** Which part of a larger run this is. Parts with the same `division` are disjoint and together complete. */
		readonly shard?: { readonly index: number; readonly count: number; readonly division: string };
		/** Labels set by the user (`--label`). */
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
	/** Decimal; `null` if nothing was counted. */
	readonly count: string | null;
	readonly runningPct: number | null;
	/** Host CPUs that the vCPU thread was pinned to while counting; `null` if it was not pinned. */
	readonly pinned: string | null;
}

export interface BackendView {
	readonly backend: string;
	readonly type?: number | undefined;
	readonly name?: string | undefined;
}

/** The result of one cell of a run. */
export interface CellResult {
	readonly id: string;
	readonly case: string;
	readonly status: CellStatus;
	/** The reason in one sentence; `null` for a plain `pass`. */
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
	/** Host capabilities that were simulated for this cell. */
	readonly simulated: readonly string[];
	readonly predicted: (BackendView & { readonly rule: string }) | null;
	readonly observed:
		| (BackendView & { readonly layers: { readonly qmp: unknown; readonly trace: unknown; readonly guest: unknown } })
		| null;
	readonly perf: readonly PerfReading[];
	readonly timings: Readonly<Record<'spawnMs' | 'greetingMs' | 'shellMs' | 'totalMs', number | null>>;
	/** Maps a name to a path relative to the run folder. */
	readonly artifacts: Readonly<Record<string, string>>;
	/** Notes for people that do not affect the status, such as a file that became too long; absent if there are none. */
	readonly notes?: readonly string[];
	/** Unrequested output of kernels and QEMU; absent for a cell that started nothing. */
	readonly logs?: CellLogs;
	/** Earlier attempts, oldest first; absent if there was only one attempt. */
	readonly attempts?: readonly Attempt[];
	/** Set if an earlier attempt went wrong and the last one did not. */
	readonly flaky?: boolean;
	/** The quarantine list's entry for this cell. */
	readonly quarantine?: Quarantine;
}

/** Unrequested output during a cell. */
export interface CellLogs {
	/** Kernels of the cell's guests; `null` if no guest was booted. */
	readonly guest: KernelLog | null;
	/** Kernel of the cell's host; `null` if its log was not read. */
	readonly host: KernelLog | null;
	/** QMP events that no command explains, in words, and lines of stderr that a healthy QEMU does not write. */
	readonly qemu: { readonly events: readonly string[]; readonly stderr: readonly string[] };
}

/** What a kernel logged while a cell ran. */
export interface KernelLog {
	/** Why some or all lines are missing; `null` if all were read. */
	readonly unread: string | null;
	/** Problems that the kernel reported, such as `oops null-dereference`, each with its lines: the cell does not pass. */
	readonly reports: readonly { readonly name: string; readonly lines: readonly string[] }[];
	/** Known harmless messages: one line of each, with the reason. */
	readonly known: readonly { readonly name: string; readonly line: string; readonly reason: string }[];
}

/** An attempt that was followed by a retry. */
export interface Attempt {
	readonly status: CellStatus;
	readonly reason: string | null;
	readonly blame: Blame | null;
	readonly totalMs: number | null;
	/** Folder of its artifacts, relative to the run folder. */
	readonly folder: string;
}

/** Why a failure of a cell is expected, and until when. */
export interface Quarantine {
	readonly reason: string;
	/** The last day, `YYYY-MM-DD` (UTC). */
	readonly until: string;
	/** The last day has passed: a failure counts as a failure again. */
	readonly expired: boolean;
}
