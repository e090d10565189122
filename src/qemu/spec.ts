/** A QEMU under test on one host. */
export interface QemuBuild {
	/** The command that starts it on the host: the program, or a loader with a library path before it. */
	readonly command: readonly string[];
	/** As given by the user: a path, or `debian:SUITE`. */
	readonly label: string;
	/** QEMU's version, such as `10.0.13`. */
	readonly version: string;
}

export type Accelerator = 'kvm' | 'tcg';

/** Values of QEMU properties; `true` and `false` are written `on` and `off`. */
export type Properties = Readonly<Record<string, string | number | bigint | boolean>>;

/** One guest to start. All paths are on the host. */
export interface MachineSpec {
	readonly qemu: Pick<QemuBuild, 'command'>;
	/** A command that execs QEMU and needs vpmu's own rights on the host, such as one that mounts a tree over /sys. */
	readonly within?: readonly string[];
	/** Machine type, such as `virt` or `virt-9.2`, and its properties, such as `gic-version`. */
	readonly machine: string;
	readonly machineProperties?: Properties;
	readonly accel: Accelerator;
	readonly accelProperties?: Properties;
	/** CPU model, such as `host`, `max` or `cortex-a72`, and its properties, such as `pmu`. Empty: QEMU's default. */
	readonly cpu: string;
	readonly cpuProperties?: Properties;
	/** 0 means QEMU's default, as does `memoryMiB` 0 (machine type `none` has neither). */
	readonly vcpus: number;
	readonly memoryMiB: number;
	/** Absent for a QEMU that is only queried over QMP. */
	readonly kernel?: string;
	readonly initrd?: string;
	/** Kernel command line. */
	readonly append?: string;
	/** A device tree that replaces the machine's own. */
	readonly dtb?: string;
	/** The first serial port, on a socket. Default: true if there is a kernel. */
	readonly console?: boolean;
	/** Names of virtio-serial ports (`/dev/virtio-ports/NAME` in the guest), each on a socket. */
	readonly ports?: readonly string[];
	/** Trace events to log, as patterns of `-trace`, such as `kvm_arm_set_pmu*`. */
	readonly trace?: readonly string[];
	/** Further items for the log: items of `-d`, such as `unimp`. */
	readonly logItems?: readonly string[];
	/** Let the guest restart. By default QEMU exits when the guest restarts. */
	readonly reboot?: boolean;
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number;
	/** Leave the vCPUs stopped after the start; the caller executes `cont`. */
	readonly paused?: boolean;
	/** Longest file that QEMU may write, such as its log. Default: the guest's memory plus 128 MiB. */
	readonly largestFileMiB?: number;
	/** Appended unchanged to the command line. */
	readonly extra?: readonly string[];
}
