import type { Host } from '../../src/host/index.ts';
import type { MachineSpec } from '../../src/qemu/index.ts';
import type { Measured } from './measure.ts';

/** What a benchmark works with. */
export interface Bench {
	readonly host: Host;
	/** What starts the QEMU that is measured, and its name for people. */
	readonly qemu: { readonly command: readonly string[]; readonly label: string };
	/** What the user asked for; a benchmark whose turns are long makes fewer by default. */
	readonly rounds: number | undefined;
	readonly signal: AbortSignal;
	/** The folder of Python's package `qemu.qmp`. @throws VpmuError when it cannot be had */
	pythonQmp(): Promise<string>;
	/** A guest of ours as cells start one, under TCG with `-cpu max`, with our image and Debian's kernel. @throws VpmuError */
	guest(): Promise<MachineSpec>;
	/** The same under KVM on a board. What it is asked for first starts the board, which ends with the benchmarks. @throws VpmuError */
	nested(): Promise<{ readonly host: Host; readonly spec: MachineSpec }>;
	readonly onRound: (done: number, rounds: number) => void;
}

/** A contender that could not take part, and why. */
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
