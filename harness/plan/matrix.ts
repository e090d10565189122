import type { CpuPmu, HostFacts, Prediction } from '../../src/pmu/index.ts';

/** What is known of a cell when it is about to run: requirements and expected failures are judged by it. */
export interface Known {
	readonly facts: HostFacts;
	readonly topology: string | null;
	/** PMUs of the host's CPUs, by type. */
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

/** Requirements that can be told in words, and most of them before anything starts. */
export interface Needs {
	/** A QEMU with the choice of PMU backends. */
	readonly choice?: boolean;
	/** So many PMUs of the host's CPUs at the least. */
	readonly pmus?: number;
	/** PMUs whose overflow interrupts arrive, which those of some boards do not. */
	readonly overflow?: boolean;
}

/** The axes of a case. Every combination is a cell; an absent axis has its one default value. */
export interface Matrix {
	/**
	 * Board topologies that the case needs, each of them a place to run on. Absent: it runs on `uniform`, and on any
	 * board that the user names.
	 */
	readonly topology?: readonly string[];
	/** Further topologies that do as well, taken only when the user names one. */
	readonly otherTopologies?: readonly string[];
	/** Default: `kvm`. */
	readonly accel?: readonly ('kvm' | 'tcg')[];
	/** Machine types. Default: `virt`, the newest version of the QEMU under test. */
	readonly machine?: readonly string[];
	/**
	 * `-accel kvm,pmu=`: text passed on as it is; the name of an event source, or `#N` for the N-th PMU of the host's
	 * CPUs (from 0, by event source type), is resolved to its type when the cell runs. `null`: not given.
	 */
	readonly pmu?: readonly (string | null)[];
	/** `-accel kvm,backcompat-pmu=`; `null`: not given, the machine version decides. */
	readonly backcompatPmu?: readonly (boolean | null)[];
	/** CPU model. Default: `host`, under TCG `max`. */
	readonly cpu?: readonly string[];
	/** `-cpu ...,pmu=`; `null`: not given. */
	readonly cpuPmu?: readonly (boolean | null)[];
	readonly vcpus?: readonly number[];
	/** Guest kernels: `debian:SUITE`. Default: the run's. */
	readonly kernel?: readonly string[];
	/** Names of simulated capabilities (harness/plan/simulations.ts); `null`: the host as it is. */
	readonly simulate?: readonly (string | null)[];
	/** Variants of the case by names of its own; the body finds its own in `cell.axes.variant`. */
	readonly variant?: readonly string[];
	/** A second QEMU that the case compares with (`debian:SUITE`); the body finds it in `cell.reference`. */
	readonly reference?: string;
	/** `full` keeps the case out of the default selection. */
	readonly selection?: 'default' | 'full';
	/** What the case means nothing without. Where it is known before anything starts, `vpmu list` says so too. */
	readonly needs?: Needs;
	/** Why the case means nothing here, naming what was asked and what was found; `undefined` when it does. */
	readonly skip?: (known: Known) => string | undefined;
	/**
	 * The known defect because of which what the case demands is not met; `undefined` where it must be. `unmet` are the
	 * demands that were not met, so that a defect excuses nothing but its own signs; it is empty when all were met.
	 */
	readonly expectFailure?: (known: Known, unmet: readonly string[]) => string | undefined;
}

/** What is known of a cell of `vmTest`, which predicts nothing. */
export type VmKnown = Omit<Known, 'prediction'>;

/** The axes of a case that is not about a PMU: as those of {@link Matrix}. */
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
		| 'selection'
		| 'needs'
	> {
	/** Why the case means nothing here, naming what was asked and what was found; `undefined` when it does. */
	readonly skip?: (known: VmKnown) => string | undefined;
	/** The known defect because of which what the case demands is not met, as in {@link Matrix.expectFailure}. */
	readonly expectFailure?: (known: VmKnown, unmet: readonly string[]) => string | undefined;
}
