import type { Host } from '../../src/host/index.ts';
import type { MachineSpec } from '../../src/qemu/index.ts';
import type { Measured } from './measure.ts';

/** The environment of a benchmark. */
export interface Bench {
	readonly host: Host;
	/** The command that starts the measured QEMU, and a name for it. */
	readonly qemu: { readonly command: readonly string[]; readonly label: string };
	/** Rounds asked for by the user; benchmarks with long turns make fewer by default. */
	readonly rounds: number | undefined;
	readonly signal: AbortSignal;
	/** Returns the folder of Python's package `qemu.qmp`. @throws VpmuError if it is not available */
	pythonQmp(): Promise<string>;
	/** A guest like those of cells: under TCG with `-cpu max`, our image and Debian's kernel. @throws VpmuError */
	guest(): Promise<MachineSpec>;
	/**
	 * The same under KVM on a board. The first request starts the board, which ends with the benchmarks. @throws
	 * VpmuError
	 */
	nested(): Promise<{ readonly host: Host; readonly spec: MachineSpec }>;
	readonly onRound: (done: number, rounds: number) => void;
}

/** A contender that could not take part, with the reason. */
export interface LeftOut {
	readonly name: string;
	readonly reason: string;
}

export interface BenchmarkResult extends Measured {
	readonly leftOut: readonly LeftOut[];
}

/** One benchmark of `vpmu bench`. */
export interface Benchmark {
	readonly name: string;
	readonly summary: string;
	run(bench: Bench): Promise<BenchmarkResult>;
}
