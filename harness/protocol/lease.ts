import type { HostReference } from '../../src/host/index.ts';
import type { HostFacts } from '../../src/pmu/index.ts';
import type { MachineType, PmuChoiceEvidence, QemuBuild } from '../../src/qemu/index.ts';

/** A QEMU in place on a host, and what it says of itself. */
export interface LeasedQemu {
	readonly qemu: QemuBuild;
	readonly inspection: {
		readonly machines: readonly MachineType[];
		readonly pmuChoice: { readonly has: boolean | null; readonly evidence: readonly PmuChoiceEvidence[] };
	};
}

/** A file of this machine, as it was when the run used it. */
export interface MadeFile {
	readonly path: string;
	/** Hexadecimal. */
	readonly sha256: string;
}

/** Everything that one cell needs, ready on its host. Owned by the run; the cell only uses it. */
export interface Lease {
	readonly host: HostReference;
	readonly qemu: QemuBuild;
	/** What the QEMU says of itself, as far as cells need it. */
	readonly inspection: LeasedQemu['inspection'];
	/** The QEMU that the case compares with, where it names one. */
	readonly reference?: LeasedQemu;
	readonly facts: HostFacts;
	/** Guest kernel and initramfs: paths on the host. */
	readonly kernel: {
		readonly path: string;
		readonly release: string /** Its command line. */;
		readonly append: string;
	};
	readonly initrd: string;
	/** The KVM shim's path on the host, for simulated capabilities. */
	readonly shim: string;
	/** What the cell is made of, as files of this machine. */
	readonly made: Readonly<Record<'qemu' | 'kernel' | 'initrd', MadeFile>>;
	/** Where the kernels came from: `debian:SUITE` or a path. */
	readonly sources: { readonly kernel: string; readonly boardKernel: string };
	/** Folder of the cell's artifacts on this machine, made already, and the run folder that it is in. */
	readonly artifacts: string;
	readonly runFolder: string;
	/** The cell's machine is to be left running when the cell has its result. */
	readonly keep?: boolean;
	/** How many times slower than the machine that the deadlines were written for, by the host's calibration and, behind ssh, its load. */
	readonly slowness: number;
	/**
	 * Waits until nobody else counts on the host; dispose of the result when it has been counted. Absent where nobody
	 * can disturb. @throws VpmuError when somebody else does and the run is not to wait
	 */
	readonly countAlone?: () => Promise<AsyncDisposable>;
	/** Says which processes and threads of the host are the cell's. */
	readonly tellProcesses?: (pids: readonly number[]) => void;
	/** The processes of cells that ran there at the same time. */
	readonly othersProcesses?: () => Promise<readonly number[]>;
}

/** A lease as the run made it: plain data, fit to be sent to a worker. */
export type LeaseData = Omit<Lease, 'countAlone' | 'tellProcesses' | 'othersProcesses'>;

/** Sockets of this machine that lead to a guest that was kept. */
export interface KeptSockets {
	/** A shell of the guest, as a terminal. */
	readonly console: string;
	readonly qmp: string;
	readonly gdb: string;
}
