import type { HostFacts, Prediction } from '../src/index.ts';
import type { CpuPmu } from './groups.ts';

/** What is known of a cell when it is about to run: requirements and expected failures are judged by it. */
export interface Known {
	readonly facts: HostFacts;
	readonly topology: string | null;
	/** PMUs of the host's CPUs, by type. */
	readonly pmus: readonly CpuPmu[];
	readonly prediction: Prediction;
	readonly qemu: { readonly version: string; readonly hasPmuChoice: boolean };
	readonly machine: string;
	readonly pmu: string | null;
}

/** The axes of a case. Every combination is a cell; an absent axis has its one default value. */
export interface Matrix {
	/** Board topologies, or shapes of real hosts, on which the case means something. Default: `uniform`. */
	readonly topology?: readonly string[];
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
	/** Names of simulated capabilities (harness/simulations.ts); `null`: the host as it is. */
	readonly simulate?: readonly (string | null)[];
	/** `full` keeps the case out of the default selection. */
	readonly selection?: 'default' | 'full';
	/** Why the case means nothing here, naming what was asked and what was found; `undefined` when it does. */
	readonly skip?: (known: Known) => string | undefined;
	/** The known defect because of which what the case demands is not met; `undefined` where it must be. */
	readonly expectFailure?: (known: Known) => string | undefined;
}
