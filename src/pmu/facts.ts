/**
 * Text of a sysfs file, or the error that reading it gave (`ENOENT`, `EACCES`, `EISDIR`, ...). Text is kept as read, newline included.
 */
export type FileText = { readonly text: string } | { readonly error: string };

/** One entry of `/sys/bus/event_source/devices`. */
export interface EventSource {
	readonly name: string;
	/** Target of the symbolic link, as printed by readlink; an error for an entry that is not a link. */
	readonly link: FileText;
	readonly type: FileText;
	/** CPUs that it counts on; present for CPU PMUs. */
	readonly cpus: FileText;
	/** CPUs that read it on behalf of all; present for uncore PMUs. Absent if sysfs has no such file. */
	readonly cpumask?: FileText;
	/** Files under `format/` and `caps/`: name to content. */
	readonly format?: Readonly<Record<string, string>>;
	readonly caps?: Readonly<Record<string, string>>;
}

/** `yes`/`no` as the kernel answered; `unknown`, with the reason, if it could not be asked. */
export type Answer = 'yes' | 'no' | { readonly unknown: string };

/** Attributes of the vCPU device group KVM_ARM_VCPU_PMU_V3_CTRL (Linux, Documentation/virt/kvm/devices/vcpu.rst). */
export interface KvmFacts {
	/** Whether `/dev/kvm` exists and can be opened, or why not. */
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
	/** Attribute 5: FIXED_COUNTERS_ONLY in one posted series, ENABLE_PARTITION in another. `yes` does not tell which. */
	readonly attribute5: Answer;
	/** vCPU feature bit 9, PMU_V3_STRICT. */
	readonly pmuV3Strict: Answer;
	/** Whether a scratch vCPU with the PMU_V3 feature could be made, on some CPU. */
	readonly scratchVcpu?: Answer;
	/** What KVM answered to SET_PMU on a scratch vCPU, by event source type: `ok`, or an errno name such as `ENXIO`. */
	readonly setPmuTypes?: Readonly<Record<string, string>>;
	/**
	 * Host CPUs (list format) on which a vCPU with PMU_V3 could be initialised, so on which KVM has a default PMU.
	 * CPUs that the probe may not run on are left out.
	 */
	readonly vcpuInitCpus?: string;
	/**
	 * Host CPUs on which a vCPU with KVM's default event source counts cycles, measured by the probe's guest code; `unknown`
	 * if it could not run. Absent from facts of a vpmu version that did not measure it.
	 */
	readonly defaultCounts?: readonly DefaultCount[] | { readonly unknown: string };
	/**
	 * What a scratch vCPU with FIXED_COUNTERS_ONLY (attribute 5) shows its guest, and where it counts. Absent if KVM does not have the
	 * attribute, if it is simulated, and from facts of a vpmu version that did not measure it.
	 */
	readonly fixedCounters?: FixedCounters | { readonly unknown: string };
}

/** A vCPU with the fixed counters alone, measured by the probe's guest code. CPU lists in list format. */
export interface FixedCounters {
	/** PMCR_EL0.N: event counters beside the fixed ones. */
	readonly eventCounters: number;
	/** Whether PMCEID0_EL0 lists CPU_CYCLES, without which Linux offers no event `cycles`. */
	readonly cyclesListed: boolean;
	/** Measured host CPUs on which the cycle counter counted, and on which it stayed at 0. */
	readonly counted: string;
	readonly stopped: string;
}

/** Measurements of vCPUs made on some host CPUs with KVM's default event source: where they count. CPU lists in list format. */
export interface DefaultCount {
	readonly madeOn: string;
	/** Measured host CPUs on which their cycle counter counted, and on which it stayed at 0. */
	readonly counted: string;
	readonly stopped: string;
}

/**
 * All facts of a host that decide which PMU backend a guest gets, as printed by `vpmu probe --json`.
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
		/** Main ID register of each CPU that shows it in sysfs, as hexadecimal text. */
		readonly midr: Readonly<Record<string, string>>;
	};
	/** Entries of `/sys/bus/event_source/devices`, or the error that listing it gave. */
	readonly eventSources: readonly EventSource[] | { readonly error: string };
	readonly kvm: KvmFacts;
	/**
	 * Other settings that affect counting: `perf_event_paranoid`, `nmi_watchdog`, cpufreq governor, GIC, nested virtualisation.
	 */
	readonly other: Readonly<Record<string, string>>;
	/** Simulated capabilities that the machine itself does not have. */
	readonly simulated: readonly string[];
}

/** The settings of a start that decide the backend. */
export interface PmuSettings {
	/** Machine type, such as `virt-9.2`. */
	readonly machine: string;
	/** `-accel kvm,pmu=`: the text as given; absent if not given. */
	readonly pmu?: string;
	/** `-accel kvm,backcompat-pmu=` as given by the user; overrides the machine type's default. */
	readonly backcompatPmu?: boolean;
	/** `-cpu ...,pmu=`; absent if not given. */
	readonly cpuPmu?: boolean;
	/** CPU model; default `host`. */
	readonly cpu?: string;
	readonly accel?: 'kvm' | 'tcg';
	/** Number of vCPUs; default 1. */
	readonly vcpus?: number;
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number;
	/** Known properties of the QEMU. */
	readonly qemu: {
		readonly hasPmuChoice: boolean;
		readonly version?: string;
		/** `backcompat-pmu` set by the machine type's compat properties; absent if unknown (then the version decides). */
		readonly machineBackcompatPmu?: boolean;
	};
	/** Host CPUs that the QEMU process may run on, if restricted (taskset); otherwise the facts' `allowed`. */
	readonly affinity?: string;
}

export type Backend = 'default' | 'event-source' | 'fixed-counters-only' | 'none' | 'error';

/** What a vCPU with this backend does on one host CPU: counts, runs with stopped counters, or cannot be entered. */
export type Counting = 'counts' | 'stops' | 'cannot-run' | 'no-pmu' | { readonly unknown: string };

/** The predicted backend, and why. */
export interface Prediction {
	readonly backend: Backend;
	/** perf event source type of an `event-source`; for KVM's default, its type if known. */
	readonly type?: number;
	/** Event source name, if the type has one on this host. */
	readonly name?: string;
	/** The rule that decided: a stable identifier such as `explicit`, `backcompat`, `covers-all`, `no-cover`. */
	readonly rule: string;
	/** For `error`: part of the message that QEMU must print. */
	readonly error?: string;
	/** The accelerator that the prediction is for. */
	readonly accel: 'kvm' | 'tcg';
	/** Whether QEMU has the trace events of the choice. Without them an empty trace log means nothing. */
	readonly traceEvents: boolean;
	/** Whether the guest has a PMU (a `/pmu` node, hardware events): `-cpu pmu=off` removes it for any backend. */
	readonly guestHasPmu: boolean;
	/** The expected QMP value of the CPU's `pmu` property; `absent` if QEMU does not register it. */
	readonly cpuPmuProperty: boolean | 'absent';
	/**
	 * Expected number of trace lines if no query makes further CPU objects: one for the scratch vCPU and one for each vCPU
	 * with a PMU.
	 */
	readonly traceLines: number;
	/** Hardware events that count in the guest: `host` for those of the host's PMU, else exactly these perf event names. */
	readonly events: 'host' | readonly string[];
	/** What a vCPU does on each online host CPU, by CPU number. */
	readonly counting: Readonly<Record<number, Counting>>;
	/** The explanation in sentences; short even on hosts with many event sources. */
	readonly because: readonly string[];
	/** Each event source that was considered, and why it was rejected; absent if none was considered. */
	readonly considered?: readonly { readonly name: string; readonly why: string | undefined }[];
	/** Where the posted patch's code behaves differently from its description. */
	readonly disagreements: readonly { readonly finding: string; readonly code: string }[];
}
