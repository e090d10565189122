/** A QEMU under test, as it stands on one host. */
export interface QemuBuild {
	/** What starts it on the host: the program, or a loader with a library path before it. */
	readonly command: readonly string[];
	/** As the user named it: a path, or `debian:SUITE`. */
	readonly label: string;
	/** The version QEMU gives, such as `10.0.13`. */
	readonly version: string;
}

export type Accelerator = 'kvm' | 'tcg';

/** Values of QEMU properties; `true` and `false` are written `on` and `off`. */
export type Properties = Readonly<Record<string, string | number | bigint | boolean>>;

/** One guest to start. Paths are paths on the host. */
export interface MachineSpec {
	readonly qemu: Pick<QemuBuild, 'command'>;
	/** Machine type, such as `virt` or `virt-9.2`, and its properties, such as `gic-version`. */
	readonly machine: string;
	readonly machineProperties?: Properties;
	readonly accel: Accelerator;
	readonly accelProperties?: Properties;
	/** CPU model, such as `host`, `max` or `cortex-a72`, and its properties, such as `pmu`. */
	readonly cpu: string;
	readonly cpuProperties?: Properties;
	readonly vcpus: number;
	readonly memoryMiB: number;
	/** Absent for a QEMU that is only asked over QMP. */
	readonly kernel?: string;
	readonly initrd?: string;
	/** Kernel command line. */
	readonly append?: string;
	/** Trace events to log, as patterns of `-trace`, such as `kvm_arm_set_pmu*`. */
	readonly trace?: readonly string[];
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number;
	/** Start with the vCPUs stopped (`-S`). */
	readonly paused?: boolean;
	/** Put last on the command line, as they are. */
	readonly extra?: readonly string[];
}
