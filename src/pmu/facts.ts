/** Text of a sysfs file, or why there is none (`ENOENT`, `EACCES`, `EISDIR`, ...). Text is kept as read, newline included. */
export type FileText = { readonly text: string } | { readonly error: string };

/** One entry of `/sys/bus/event_source/devices`. */
export interface EventSource {
	readonly name: string;
	/** Target of the symbolic link, as readlink gives it; an error for an entry that is not a link. */
	readonly link: FileText;
	readonly type: FileText;
	/** CPUs that it counts on: the PMUs of CPUs have it. */
	readonly cpus: FileText;
	/** CPUs that read it for all: uncore PMUs have it. Absent where there is none. */
	readonly cpumask?: FileText;
	/** Files under `format/` and `caps/`: name to content. */
	readonly format?: Readonly<Record<string, string>>;
	readonly caps?: Readonly<Record<string, string>>;
}

/** `yes`/`no` as the kernel answered; `unknown` where it could not be asked, with the reason. */
export type Answer = 'yes' | 'no' | { readonly unknown: string };

/** Attributes of the vCPU device group KVM_ARM_VCPU_PMU_V3_CTRL (Linux, Documentation/virt/kvm/devices/vcpu.rst). */
export interface KvmFacts {
	/** `/dev/kvm` exists; opens; or why not. */
	readonly present: boolean;
	readonly usable: Answer;
	/** KVM_CAP_ARM_PMU_V3. */
	readonly pmuV3: Answer;
	/** KVM_ARM_VCPU_PMU_V3_SET_PMU (attribute 3). */
	readonly setPmu: Answer;
	/** KVM_ARM_VCPU_PMU_V3_SET_NR_COUNTERS (attribute 4). */
	readonly setNrCounters: Answer;
	/** KVM_ARM_VCPU_PMU_V3_FILTER (attribute 2). */
	readonly filter: Answer;
	/** Attribute 5: FIXED_COUNTERS_ONLY in one posted series, ENABLE_PARTITION in another; `yes` proves neither. */
	readonly attribute5: Answer;
	/** vCPU feature bit 9, PMU_V3_STRICT. */
	readonly pmuV3Strict: Answer;
	/** A scratch vCPU with the PMU_V3 feature could be made, on the CPU that the probe happened to run on. */
	readonly scratchVcpu?: Answer;
	/** What KVM answered to SET_PMU on a scratch vCPU, by event source type: `ok`, or an errno name such as `ENXIO`. */
	readonly setPmuTypes?: Readonly<Record<string, string>>;
	/**
	 * Host CPUs (list format) on which a vCPU with PMU_V3 could be initialised, so on which KVM has a default PMU.
	 * CPUs that the probe may not run on are not among them.
	 */
	readonly vcpuInitCpus?: string;
	/**
	 * Where a vCPU with KVM's default event source counts cycles, as guest code that the probe ran there found; `unknown`
	 * where none could be run. Absent from facts of a vpmu that did not measure it.
	 */
	readonly defaultCounts?: readonly DefaultCount[] | { readonly unknown: string };
}

/** Where vCPUs that were made on some host CPUs count with KVM's default event source. CPU lists in list format. */
export interface DefaultCount {
	readonly madeOn: string;
	/** Measured host CPUs on which their cycle counter counted, and on which it stood at 0. */
	readonly counted: string;
	readonly stopped: string;
}

/**
 * All that decides which PMU backend a guest gets: the host's qualification card, `vpmu probe --json`.
 * CPU lists are in the kernel's list format (`0-3,8`), as read.
 */
export interface HostFacts {
	readonly schema: 'vpmu-facts/1';
	readonly host: string;
	readonly topology: string | null;
	readonly kernel: { readonly release: string; readonly machine: string };
	readonly cpus: {
		readonly possible: FileText;
		readonly present: FileText;
		readonly online: FileText;
		/** CPUs that this process may run on (`Cpus_allowed_list`). */
		readonly allowed: FileText;
		/** Main ID register of each CPU that has one in sysfs, as hexadecimal text. */
		readonly midr: Readonly<Record<string, string>>;
	};
	/** Entries of `/sys/bus/event_source/devices`, or why it could not be listed. */
	readonly eventSources: readonly EventSource[] | { readonly error: string };
	readonly kvm: KvmFacts;
	/** What else bears on counting: `perf_event_paranoid`, `nmi_watchdog`, cpufreq governor, GIC, nested virtualisation. */
	readonly other: Readonly<Record<string, string>>;
	/** Capabilities that were simulated, not the machine's own. */
	readonly simulated: readonly string[];
}

/** What of a start decides the backend. */
export interface PmuSettings {
	/** Machine type, such as `virt-9.2`. */
	readonly machine: string;
	/** `-accel kvm,pmu=`: the text as given; absent when not given. */
	readonly pmu?: string;
	/** `-accel kvm,backcompat-pmu=` as given by the user; overrides the machine version's. */
	readonly backcompatPmu?: boolean;
	/** `-cpu ...,pmu=`; absent when not given. */
	readonly cpuPmu?: boolean;
	/** CPU model, `host` unless given. */
	readonly cpu?: string;
	readonly accel?: 'kvm' | 'tcg';
	/** Number of vCPUs, 1 unless given. */
	readonly vcpus?: number;
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number;
	/** What is known of the QEMU. */
	readonly qemu: {
		readonly hasPmuChoice: boolean;
		readonly version?: string;
		/** `backcompat-pmu` that the machine type's compat properties set; absent when unknown (then the version decides). */
		readonly machineBackcompatPmu?: boolean;
	};
	/** Host CPUs that the QEMU process may run on, when narrowed (taskset); the facts' `allowed` otherwise. */
	readonly affinity?: string;
}

export type Backend = 'default' | 'event-source' | 'fixed-counters-only' | 'none' | 'error';

/** On one host CPU, what a vCPU with this backend does: counts, runs with counters stopped, cannot be entered at all. */
export type Counting = 'counts' | 'stops' | 'cannot-run' | 'no-pmu' | { readonly unknown: string };

/** What must be chosen, and why. */
export interface Prediction {
	readonly backend: Backend;
	/** perf event source type of an `event-source`; where KVM's default is known, of that. */
	readonly type?: number;
	/** Event source name, when the type has one on this host. */
	readonly name?: string;
	/** The rule that decided: a stable identifier such as `explicit`, `backcompat`, `covers-all`, `no-cover`. */
	readonly rule: string;
	/** For `error`: what QEMU must say (part of its message). */
	readonly error?: string;
	/** The accelerator that is predicted for. */
	readonly accel: 'kvm' | 'tcg';
	/** Whether QEMU has the trace events of the choice: without them an empty trace log says nothing. */
	readonly traceEvents: boolean;
	/** Whether the guest has a PMU (a `/pmu` node, hardware events): `-cpu pmu=off` takes it away whatever the backend. */
	readonly guestHasPmu: boolean;
	/** What QMP must say of the CPU's `pmu` property; `absent` where QEMU does not register it. */
	readonly cpuPmuProperty: boolean | 'absent';
	/** How many trace lines the choice leaves when no query makes more CPU objects: the scratch vCPU and each vCPU with a PMU. */
	readonly traceLines: number;
	/** Hardware events that count in the guest: `host` for those of the host's PMU, else exactly these perf event names. */
	readonly events: 'host' | readonly string[];
	/** By host CPU number, for each online CPU: what a vCPU does there. */
	readonly counting: Readonly<Record<number, Counting>>;
	/** The explanation in sentences, short on hosts with many event sources too. */
	readonly because: readonly string[];
	/** Each event source that was considered, and why it was not taken; absent where none was looked at. */
	readonly considered?: readonly { readonly name: string; readonly why: string | undefined }[];
	/** Where the posted patch's code would do otherwise than its description says. */
	readonly disagreements: readonly { readonly finding: string; readonly code: string }[];
}
