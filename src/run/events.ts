import type { CellResult, PackagePin, Results } from './results.ts';

/**
 * An event of a run: one line of `events.ndjson`, written as it happens. Reports are folds over these. A run ends with
 * `run-end`; a run without it was killed. A cell with a `cell-start` but without a `cell-end` was lost when the run was
 * killed.
 */
export type RunEvent = { readonly at: string } & (
	| {
			readonly event: 'run-start';
			readonly run: Omit<Results['run'], 'durationMs' | 'packages'>;
			readonly cells: readonly PlannedCell[];
	  }
	| { readonly event: 'progress'; readonly what: string; readonly done?: number; readonly total?: number }
	/** A cell that is retried has a further start and end. */
	| { readonly event: 'cell-start'; readonly cell: string }
	/**
	 * A cell began to wait or went on. `slot`: waits for a free slot; `host`: has one, and waits for its host; `prepare`: has
	 * the host, and what it needs is made; `wait-to-count`, `count`, `counted`: around a count that must not be disturbed.
	 */
	| {
			readonly event: 'cell-phase';
			readonly cell: string;
			readonly phase: CellPhase;
			/** The host and its copy, from `prepare` on. */
			readonly host?: string;
	  }
	| { readonly event: 'cell-note'; readonly cell: string; readonly note: string }
	| { readonly event: 'cell-end'; readonly result: CellResult }
	| {
			readonly event: 'run-end';
			readonly durationMs: number;
			readonly interrupted: boolean;
			readonly packages?: readonly PackagePin[];
	  }
);

export const cellPhases = ['slot', 'host', 'prepare', 'wait-to-count', 'count', 'counted'] as const;
export type CellPhase = (typeof cellPhases)[number];

/** A planned cell: one case with one choice for every axis. */
export interface PlannedCell {
	/** Unique in a run and stable between runs: case and choices, such as `pmu/default-counts[board:uniform,debian:trixie,virt]`. */
	readonly id: string;
	/** File below `cases/`, without extension. */
	readonly case: string;
	readonly title: string;
	/** `local`, `ssh://TARGET`, `board:TOPOLOGY`. */
	readonly on: string;
	/** A path, or `debian:SUITE`. */
	readonly qemu: string;
	readonly accel: 'kvm' | 'tcg';
	readonly machine: string;
	readonly pmu: string | null;
	readonly cpuPmu: boolean | null;
	/** Why the cell is not run; `null` if it is. */
	readonly skip: string | null;
}
