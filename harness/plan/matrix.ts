import type { CpuPmu, HostFacts, Prediction } from '../../src/pmu/index.ts';

/** What is known of a cell before it runs, for judging requirements and expected failures. */
export interface Known {
	readonly facts: HostFacts;
	readonly topology: string | null;
	/** PMUs of the host's CPUs, by event source type. */
	readonly pmus: readonly CpuPmu[];
	/** Groups of host CPUs on which a vCPU counts with the same PMU, as CPU lists. */
	readonly groups: readonly string[];
	readonly prediction: Prediction;
	readonly qemu: { readonly version: string; readonly hasPmuChoice: boolean };
	readonly machine: string;
	readonly pmu: string | null;
	readonly cpu: string;
	readonly variant: string | null;
}

/** Declarative requirements, most of which can be checked before anything starts. */
export interface Needs {
	/** A QEMU with the PMU choice (`-accel kvm,pmu=`). */
	readonly choice?: boolean;
	/** At least so many CPU PMUs on the host. */
	readonly pmus?: number;
	/** PMUs whose overflow interrupts arrive; on some boards they do not. */
	readonly overflow?: boolean;
	/** The kernel's own tests, beside the board's kernel or named by `--selftests`. */
	readonly selftests?: boolean;
	/**
	 * A guest whose cycles count. It is started on a group of host CPUs on which they do, or the cell is skipped. Decided
	 * when the guest boots.
	 */
	readonly counting?: boolean;
}

/** The axes of a case. Every combination is a cell; an absent axis has a single default value. */
export interface Matrix {
	/** Board topologies to run on, each. Absent: the case runs on `uniform`, or on the board that the user names. */
	readonly topology?: readonly string[];
	/** Further suitable topologies, used only if the user names one. */
	readonly otherTopologies?: readonly string[];
	/** Default: `kvm`. */
	readonly accel?: readonly ('kvm' | 'tcg')[];
	/** Machine types. Default: `virt`, the newest version of the QEMU under test. */
	readonly machine?: readonly string[];
	/**
	 * `-accel kvm,pmu=`, passed on as it is, except that an event source's name, or `#N` for the N-th PMU of the host's
	 * CPUs (from 0, by event source type), is resolved to its type when the cell runs. `null`: not given.
	 */
	readonly pmu?: readonly (string | null)[];
	/** `-accel kvm,backcompat-pmu=`; `null`: not given, the machine version decides. */
	readonly backcompatPmu?: readonly (boolean | null)[];
	/** CPU model. Default: `host`; under TCG `max`. */
	readonly cpu?: readonly string[];
	/** `-cpu ...,pmu=`; `null`: not given. */
	readonly cpuPmu?: readonly (boolean | null)[];
	readonly vcpus?: readonly number[];
	/** Guest kernels: `debian:SUITE`. Default: the run's. */
	readonly kernel?: readonly string[];
	/** Names of simulated capabilities (harness/plan/simulations.ts); `null`: the host as it is. */
	readonly simulate?: readonly (string | null)[];
	/** Names of the case's variants; the body reads the cell's own from `cell.axes.variant`. */
	readonly variant?: readonly string[];
	/** A second QEMU to compare with (`debian:SUITE`); the body reads it from `cell.reference`. */
	readonly reference?: string;
	/** The case is about the host alone: planned once, not for each QEMU, machine type and PMU that the user names. */
	readonly perHost?: boolean;
	/** `full` keeps the case out of the default selection. */
	readonly selection?: 'default' | 'full';
	/** Requirements without which the case means nothing. `vpmu list` shows those that are known to be unmet. */
	readonly needs?: Needs;
	/**
	 * Returns why the case means nothing here, naming what was needed and what was found; `undefined` if it can run.
	 */
	readonly skip?: (known: Known) => string | undefined;
	/**
	 * Returns the known defect that explains unmet demands; `undefined` if they must be met. `unmet` lists the unmet
	 * demands (empty if all were met), so that a defect excuses only its own signs.
	 */
	readonly expectFailure?: (known: Known, unmet: readonly string[]) => string | undefined;
}

/** What is known of a cell of `vmTest`, which has no prediction. */
export type VmKnown = Omit<Known, 'prediction'>;

/** The axes of a `vmTest` case, as in {@link Matrix}. */
export interface VmMatrix
	extends Pick<
		Matrix,
		| 'topology'
		| 'otherTopologies'
		| 'accel'
		| 'machine'
		| 'cpu'
		| 'vcpus'
		| 'kernel'
		| 'variant'
		| 'reference'
		| 'perHost'
		| 'selection'
		| 'needs'
	> {
	/**
	 * Returns why the case means nothing here, naming what was needed and what was found; `undefined` if it can run.
	 */
	readonly skip?: (known: VmKnown) => string | undefined;
	/** Returns the known defect that explains unmet demands, as in {@link Matrix.expectFailure}. */
	readonly expectFailure?: (known: VmKnown, unmet: readonly string[]) => string | undefined;
}
