import type { Tap, TapPoint } from '../conformance/selftests/tap.ts';
import type { Backend } from '../facts.ts';

/** The result of starting QEMU. */
export type StartObservation =
	| { readonly state: 'running' }
	| {
			readonly state: 'exited';
			readonly status: number | null;
			readonly signal: string | null;
			/** Its standard error, or the end of it. */
			readonly stderr: string;
	  };

/** QEMU's answers over QMP. */
export interface QmpObservation {
	/** `query-kvm`. */
	readonly kvm: { readonly enabled: boolean; readonly present: boolean };
	/** `qom-get` of `pmu` on the first CPU, never after a `qom-set`; `absent` for "Property not found". */
	readonly cpuPmu: boolean | 'absent';
	/** `status` of `query-status`, asked last. */
	readonly runState: string;
	/**
	 * Whether `query-machines` with compat properties has `kvm-accel` `backcompat-pmu` `true` for the machine type;
	 * absent if this QEMU cannot be asked (before 9.1).
	 */
	readonly machineBackcompatPmu?: boolean;
}

/** A machine as QEMU describes it. */
export interface MachineObservation {
	/** Number of CPUs in `query-cpus-fast`. */
	readonly vcpus: number;
	/** `query-memory-size-summary`: `base-memory`. */
	readonly memoryBytes: number;
	/** QOM type of `/machine`, such as `virt-9.2-machine`. */
	readonly machineType: string;
	/** QOM type of each vCPU, such as `host-arm-cpu`. */
	readonly cpuTypes: readonly string[];
	/** `query-chardev`: whether the serial console's other end is connected; `null` for a machine without one. */
	readonly consoleConnected: boolean | null;
}

/** A QMP event, unmodified. */
export interface UnexpectedEvent {
	readonly event: string;
	readonly data?: Readonly<Record<string, unknown>>;
}

/** The log of a kernel. */
export interface KernelLogObservation {
	/** Why some or all lines are missing; `null` if all were read. `expected`: they could not have been read. */
	readonly unread: { readonly reason: string; readonly expected: boolean } | null;
	readonly reports: readonly KernelReportSeen[];
	/** Messages that are known and harmless, or that the cell's actions explain: one line of each, with the reason. */
	readonly known: readonly { readonly name: string; readonly line: string; readonly reason: string }[];
	/** The last lines that the guest's console showed, if its log could not be read to the end. */
	readonly lastLines?: readonly string[];
}

/** One report of a kernel. */
export interface KernelReportSeen {
	/** What the kernel did, worded to follow "the kernel …", such as `oopsed`. */
	readonly did: string;
	/** Kind and finer name, such as `oops null-dereference`. */
	readonly name: string;
	/** The line that names it. */
	readonly line: string;
	readonly lines: readonly string[];
}

/** QEMU's trace log, enabled from the command line on. */
export interface TraceObservation {
	/** Whether this QEMU has the trace events (`trace-event-get-state`, or `-trace help`). */
	readonly events: 'known' | 'unknown';
	/** Lines `kvm_arm_set_pmu type T ret R`, in order. */
	readonly setPmu: readonly { readonly type: number; readonly ret: number }[];
	/** Lines `kvm_arm_set_pmu_fixed_counters_only ret R`, in order. */
	readonly setFixedCountersOnly: readonly { readonly ret: number }[];
}

/** One `perf stat` reading of a known amount of work in the guest. */
export interface GuestReading {
	/** perf's event name, such as `cycles`. */
	readonly event: string;
	/** `stuck`: the vCPU made no progress before the deadline, so there is no reading. */
	readonly state: 'counted' | 'not-counted' | 'not-supported' | 'stuck';
	/** `null` if nothing was counted. */
	readonly count: bigint | null;
	/** Percentage of the time that the event was on a counter, 0 to 100; `null` if perf printed none. */
	readonly runningPct: number | null;
	/** Host CPUs that the vCPU thread was pinned to (list format); `null` when it was free. */
	readonly pinned: string | null;
	/** The vCPU that did the work, if the work was bound to one. */
	readonly vcpu?: number;
	/** Whether the work was completed (its exit status was 0). */
	readonly worked: boolean;
	/** Count of the same event for twice the work, under the same pinning, if it was taken. */
	readonly doubledCount?: bigint | null;
	/** Nanoseconds for which perf had the event on a counter, once and for twice the work, by the guest's clock. */
	readonly onCounterNs?: readonly [once: bigint, twice: bigint];
	/** The least count that the work can have on any CPU, if known. A smaller count cannot be of that work. */
	readonly least?: bigint;
}

/** The guest's observations. */
export interface GuestObservation {
	/** Whether the device tree has a `/pmu` node. */
	readonly pmuNode: boolean;
	/** Names in `/sys/bus/event_source/devices`. */
	readonly eventSources: readonly string[];
	/** Number of counters in the kernel log, including the cycle counter; `null` if it names no PMU. */
	readonly counters: number | null;
	readonly readings: readonly GuestReading[];
}

/** The machine as detected by the guest's kernel. */
export interface GuestSystem {
	/** Online vCPUs (`/sys/devices/system/cpu/online`, list format). */
	readonly online: string;
	/** Sum of the device tree's memory nodes. */
	readonly memoryBytes: number;
	/** Its console devices (`/sys/class/tty/console/active`). */
	readonly consoles: readonly string[];
}

/** The device tree that QEMU made for the guest. It shows the PMU that the guest would see, without booting it. */
export interface DeviceTreeObservation {
	readonly pmuNode: boolean;
}

/** All observations of one start, by layer. An absent layer was not asked, which never counts as success. */
export interface Observations {
	readonly start?: StartObservation;
	readonly qmp?: QmpObservation;
	readonly trace?: TraceObservation;
	/** Only for starts that boot no guest. */
	readonly deviceTree?: DeviceTreeObservation;
	readonly guest?: GuestObservation;
	/** The machine as reported by QMP, not taken from the command line. */
	readonly machine?: MachineObservation;
	/** The machine as the guest sees it. */
	readonly system?: GuestSystem;
	/** Events that no command caused, and stderr lines that a healthy QEMU does not print. */
	readonly unexpected?: { readonly events: readonly UnexpectedEvent[]; readonly stderr: readonly string[] };
	/** The kernel logs of this cell's guests; absent if none was booted. */
	readonly guestKernel?: KernelLogObservation;
	/** What the host's kernel logged during the cell. */
	readonly hostKernel?: KernelLogObservation;
	/** What one of the kernel's own tests showed on the host. */
	readonly selftest?: SelftestObservation;
}

/** What one of the kernel's own tests (tools/testing/selftests) showed, by its exit status and its TAP. */
export interface SelftestObservation {
	readonly name: string;
	readonly state: 'ok' | 'not-ok' | 'skipped';
	/** What is wrong, or why it was skipped; `null` if it is ok. */
	readonly why: string | null;
	/** `null` if a signal ended it. */
	readonly exit: number | null;
	/** The number of points that it announced; `null` if it announced none. */
	readonly planned: number | null;
	/** How many points there are of each state. Many tests of KVM have none. */
	readonly counts: Tap['counts'];
	/** The first points, in order. */
	readonly points: readonly TapPoint[];
}

/** The backend inferred from the layers, as stored in `results.json`. */
export interface ObservedBackend {
	/** `unknown` if the layers do not determine it. */
	readonly backend: Backend | 'unknown';
	readonly type?: number;
	readonly name?: string;
	/** A description of each layer's observation; `null` for a layer that was not asked. */
	readonly layers: {
		readonly qmp: string | null;
		readonly trace: string | null;
		readonly guest: string | null;
		/** Absent from cells that run none of the kernel's own tests. */
		readonly selftest?: string;
	};
}

/** One independent way of observing. */
export type Layer =
	| ('start' | 'qmp' | 'trace' | 'guest' | 'perf' | 'prediction')
	| ('guest-kernel' | 'host-kernel' | 'selftest');

/** One difference from the prediction. */
export interface Contradiction {
	readonly layer: Layer;
	/** A stable identifier of the check, such as `trace-type`. */
	readonly check: string;
	readonly expected: string;
	readonly seen: string;
}

export interface Verdict {
	/** True only if every layer was present and agreed. */
	readonly agrees: boolean;
	readonly observed: ObservedBackend;
	/** In the order of the layers; empty if and only if `agrees`. */
	readonly contradictions: readonly Contradiction[];
	/** The contradictions, one sentence each. */
	readonly reasons: readonly string[];
}
