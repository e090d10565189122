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
		/** Commit of the checkout that vpmu ran from, with `-dirty` if that was changed; absent for a package. */
		readonly vpmuCommit?: string;
		/** Who ran it: the machine's name (`host`), and what the engine that started it says (`engine`, `runner`, `job`, `commit`). */
		readonly runner?: Readonly<Record<string, string>>;
		/** Labels set by the user (`--label`). */
		readonly labels?: Readonly<Record<string, string>>;
		/** The runs that this one was merged from (`vpmu merge`), in the order of their numbers. */
		readonly parts?: readonly RunPart[];
		/** Versions of Debian packages that the run used; absent if it used none. */
		readonly packages?: readonly PackagePin[];
	};
	readonly cells: readonly CellResult[];
	readonly summary: Readonly<Record<CellStatus, number>>;
}

/** One of the runs that a merged run consists of. */
export interface RunPart
	extends Pick<
		Results['run'],
		'id' | 'startedAt' | 'argv' | 'vpmu' | 'vpmuCommit' | 'runner' | 'durationMs' | 'labels'
	> {
	/** From 1. */
	readonly index: number;
}

/** When, and from which suites, the versions of Debian packages were chosen. */
export interface PackagePin {
	readonly suite: string;
	readonly architecture: string;
	readonly packages: readonly string[];
	/** ISO 8601. */
	readonly resolvedAt: string;
	/** Suites that the mirrors had, such as `trixie` and `trixie-security`, and those that they lacked. */
	readonly suites: readonly string[];
	readonly absent: readonly string[];
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
	/** The vCPU that the work was bound to; absent if it was free. */
	readonly vcpu?: number;
	/** The count for twice the work; absent if that was not counted. */
	readonly doubled?: string | null;
	/** Each measurement, in order. The reading has the least count of them. Absent if it was measured once. */
	readonly samples?: readonly { readonly count: string | null; readonly doubled: string | null }[];
}

/** One event, counted in intervals of the same length while the vCPUs were moved between host CPUs. */
export interface MovedCount {
	readonly event: string;
	readonly intervalMs: number;
	readonly stays: readonly {
		/** Host CPUs that the vCPUs were on. */
		readonly pinned: string;
		/** The count of each interval; `null` for one that was not counted. */
		readonly counts: readonly (string | null)[];
		/** Why the vCPU could not run there. */
		readonly refused?: string;
	}[];
}

/** The host's CPUs and their PMUs, as QEMU saw them. CPUs are lists in the kernel's format (`0-3,8`). */
export interface HostCpus {
	readonly online: string;
	/** CPUs that processes may run on; `null` if unknown. */
	readonly allowed: string | null;
	readonly pmus: readonly { readonly name: string; readonly type: number; readonly cpus: string }[];
}

/** What a layer showed against the prediction. */
export interface Disagreement {
	readonly layer: string;
	/** The check that failed: a stable identifier. */
	readonly check: string;
	readonly expected: string;
	readonly seen: string;
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
	/** Which kernels it ran with; absent for a cell that started nothing, and in results of earlier versions. */
	readonly kernels?: CellKernels;
	/** The files that it was made of; absent for a cell that started nothing, and in results of earlier versions. */
	readonly made?: CellFiles;
	readonly accel: 'kvm' | 'tcg';
	readonly machine: string;
	readonly pmu: string | null;
	readonly cpuPmu: boolean | null;
	/** Host capabilities that were simulated for this cell. */
	readonly simulated: readonly string[];
	readonly predicted:
		| (BackendView & {
				readonly rule: string;
				/** The explanation in sentences, from the facts to the rule; absent from results of earlier versions. */
				readonly because?: readonly string[];
				/** What a vCPU does on each host CPU: `counts`, `stops`, `cannot-run`, `no-pmu`, or why that is unknown. */
				readonly counting?: Readonly<Record<string, string>>;
		  })
		| null;
	readonly observed:
		| (BackendView & {
				readonly layers: {
					readonly qmp: unknown;
					readonly trace: unknown;
					readonly guest: unknown;
					readonly selftest?: unknown;
				};
		  })
		| null;
	/** What one of the kernel's own tests showed; absent for a cell that runs none. */
	readonly selftest?: Selftest;
	/** Where layers and prediction disagree; absent if they do not. */
	readonly disagreements?: readonly Disagreement[];
	/** Demands of the case, beyond the prediction, that were not met; absent if there are none. */
	readonly unmet?: readonly string[];
	/** Absent for a cell that did not reach its host. */
	readonly cpus?: HostCpus;
	readonly perf: readonly PerfReading[];
	/** Counts over time while vCPUs were moved; absent if there are none. */
	readonly moved?: readonly MovedCount[];
	/**
	 * `startMs` is when the start of QEMU was requested, since the cell began; `spawnMs`, `greetingMs` and `shellMs` are since
	 * then, until the process ran, QMP greeted and the guest's shell answered.
	 */
	readonly timings: Readonly<Record<'spawnMs' | 'greetingMs' | 'shellMs' | 'totalMs', number | null>> & {
		readonly startMs?: number;
	};
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
	/** The number of the part that it was in; absent if the run was not merged. */
	readonly part?: number;
}

/** What one of the kernel's own tests (tools/testing/selftests) showed on the host: layer `selftest`. */
export interface Selftest {
	readonly name: string;
	readonly state: (typeof selftestStates)[number];
	/** What is wrong; `null` if it is ok. */
	readonly why: string | null;
	/** The exit status; `null` if a signal ended it. */
	readonly exit: number | null;
	/** The number of points that its TAP announced; `null` if it announced none. */
	readonly planned: number | null;
	/** How many points there are of each state. Many tests of KVM have none. */
	readonly counts: Readonly<Record<(typeof pointStates)[number], number>>;
	/** The first points, in order. `expected`: not ok, and known to be so. */
	readonly points: readonly { readonly state: (typeof pointStates)[number]; readonly text: string }[];
}

export const selftestStates = ['ok', 'not-ok', 'skipped'] as const;
export const pointStates = ['ok', 'not-ok', 'skipped', 'expected'] as const;

/** The kernels of a cell. Sources are as users name them: `debian:SUITE`, `small` or a path. */
export interface CellKernels {
	readonly guest: { readonly source: string; readonly release: string };
	/** `null` for a host that is not a board: its kernel is its own. */
	readonly board: string | null;
}

/** Hashes of the files that a cell was made of, as hexadecimal text. */
export interface CellFiles {
	/** The QEMU's program. A script that starts one has no build id. */
	readonly qemu: { readonly sha256: string; readonly buildId: string | null };
	readonly kernel: { readonly sha256: string };
	/** The guest's image, with its key in the cache. */
	readonly image: { readonly sha256: string; readonly key: string };
	/** The board's own kernel; `null` for a host that is not a board. */
	readonly boardKernel: { readonly sha256: string } | null;
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
	/** The last lines that the guest's console showed, if the log could not be read to the end. */
	readonly lastLines?: readonly string[];
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
