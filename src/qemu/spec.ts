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
	/** A command that becomes QEMU's own and needs the host's rights, such as one that lays a tree over /sys. */
	readonly within?: readonly string[];
	/** Machine type, such as `virt` or `virt-9.2`, and its properties, such as `gic-version`. */
	readonly machine: string;
	readonly machineProperties?: Properties;
	readonly accel: Accelerator;
	readonly accelProperties?: Properties;
	/** CPU model, such as `host`, `max` or `cortex-a72`, and its properties, such as `pmu`. Empty: QEMU's own choice. */
	readonly cpu: string;
	readonly cpuProperties?: Properties;
	/** 0 leaves the choice to QEMU, as does `memoryMiB` 0 (machine type `none` has neither). */
	readonly vcpus: number;
	readonly memoryMiB: number;
	/** Absent for a QEMU that is only asked over QMP. */
	readonly kernel?: string;
	readonly initrd?: string;
	/** Kernel command line. */
	readonly append?: string;
	/** A device tree in place of the machine's own. */
	readonly dtb?: string;
	/** The first serial port, on a socket; by default where there is a kernel. */
	readonly console?: boolean;
	/** Names of virtio-serial ports (`/dev/virtio-ports/NAME` in the guest), each on a socket. */
	readonly ports?: readonly string[];
	/** Trace events to log, as patterns of `-trace`, such as `kvm_arm_set_pmu*`. */
	readonly trace?: readonly string[];
	/** What else goes into the log with the traces: items of `-d`, such as `unimp`. */
	readonly logItems?: readonly string[];
	/** Let the guest restart; by default a guest that asks for a restart ends QEMU. */
	readonly reboot?: boolean;
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number;
	/** Leave the vCPUs stopped after the start: `cont` is then the caller's. */
	readonly paused?: boolean;
	/** No file that QEMU writes grows longer, such as its log; default: the guest's memory and 128 MiB. */
	readonly largestFileMiB?: number;
	/** Put last on the command line, as they are. */
	readonly extra?: readonly string[];
}
