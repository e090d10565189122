import type { HostFacts, HostReference, MachineType, PmuChoiceEvidence, QemuBuild } from '../src/index.ts';

/** Everything that one cell needs, ready on its host. Owned by the run; the cell only uses it. */
export interface Lease {
	readonly host: HostReference;
	readonly qemu: QemuBuild;
	/** What the QEMU says of itself, as far as cells need it. */
	readonly inspection: {
		readonly machines: readonly MachineType[];
		readonly pmuChoice: { readonly has: boolean | null; readonly evidence: readonly PmuChoiceEvidence[] };
	};
	readonly facts: HostFacts;
	/** Guest kernel and initramfs: paths on the host. */
	readonly kernel: { readonly path: string; readonly release: string };
	readonly initrd: string;
	/** The KVM shim's path on the host, for simulated capabilities. */
	readonly shim: string;
	/** Where the kernels came from: `debian:SUITE` or a path. */
	readonly sources: { readonly kernel: string; readonly boardKernel: string };
	/** Folder of the cell's artifacts on this machine, made already, and the run folder that it is in. */
	readonly artifacts: string;
	readonly runFolder: string;
	/** How many times slower than the machine that the deadlines were written for. */
	readonly slowness: number;
}
