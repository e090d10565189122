import type { HostReference } from '../../src/host/index.ts';
import type { HostFacts } from '../../src/pmu/index.ts';
import type { MachineType, PmuChoiceEvidence, QemuBuild } from '../../src/qemu/index.ts';

/** A QEMU in place on a host, and what its inspection found. */
export interface LeasedQemu {
	readonly qemu: QemuBuild;
	readonly inspection: {
		readonly machines: readonly MachineType[];
		readonly pmuChoice: { readonly has: boolean | null; readonly evidence: readonly PmuChoiceEvidence[] };
	};
}

/** A local file as it was when the run used it. */
export interface MadeFile {
	readonly path: string;
	/** In hexadecimal. */
	readonly sha256: string;
}

/** Everything that one cell needs, ready on its host. Owned by the run; the cell only uses it. */
export interface Lease {
	readonly host: HostReference;
	readonly qemu: QemuBuild;
	/** The parts of QEMU's inspection that cells need. */
	readonly inspection: LeasedQemu['inspection'];
	/** The QEMU to compare with, if the case names one. */
	readonly reference?: LeasedQemu;
	readonly facts: HostFacts;
	/** Guest kernel and initramfs: paths on the host. */
	readonly kernel: {
		readonly path: string;
		readonly release: string /** The kernel command line. */;
		readonly append: string;
	};
	readonly initrd: string;
	/** The KVM shim's path on the host, for simulated capabilities. */
	readonly shim: string;
	/** The local files that the cell is made of. */
	readonly made: Readonly<Record<'qemu' | 'kernel' | 'initrd', MadeFile>>;
	/** Build id of the QEMU's program; `null` if it has none. */
	readonly buildId: string | null;
	/** SHA-256 of the board's kernel; `null` if the host is not a board. */
	readonly boardKernel: string | null;
	/** Where the kernels came from: `debian:SUITE`, `small` or a path. */
	readonly sources: { readonly kernel: string; readonly boardKernel: string };
	/** Local folder of the cell's artifacts, already made, and the run folder that contains it. */
	readonly artifacts: string;
	readonly runFolder: string;
	/** Leave the cell's machine running once the cell has its result. */
	readonly keep?: boolean;
	/** QEMU looks for leaks when it ends, which takes a while. */
	readonly isSanitized?: boolean;
	/** Slowness factor for deadlines, from the host's calibration and, over ssh, its load. */
	readonly slowness: number;
	/**
	 * Waits until no other process counts on the host; dispose of the result after counting. Absent if nothing can
	 * disturb. @throws VpmuError if another process counts and the run must not wait
	 */
	readonly countAlone?: () => Promise<AsyncDisposable>;
	/** Reports which processes and threads of the host belong to the cell. */
	readonly tellProcesses?: (pids: readonly number[]) => void;
	/** Returns the processes of cells that ran there at the same time. */
	readonly othersProcesses?: () => Promise<readonly number[]>;
}

/** A lease as made by the run: plain data that can be sent to a worker. */
export type LeaseData = Omit<Lease, 'countAlone' | 'tellProcesses' | 'othersProcesses'>;

/** Local sockets that lead to a detached guest. */
export interface KeptSockets {
	/** A shell of the guest, as a terminal. */
	readonly console: string;
	readonly qmp: string;
	readonly gdb: string;
}
