import type { CellResult, Results } from './results.ts';

/**
 * All that happens in a run, as it happens: one line each of `events.ndjson`. Reports are folds over these.
 * A run ends with `run-end`; one without it was killed. A cell that started and has no `cell-end` was lost with it.
 */
export type RunEvent = { readonly at: string } & (
	| {
			readonly event: 'run-start';
			readonly run: Omit<Results['run'], 'durationMs'>;
			readonly cells: readonly PlannedCell[];
	  }
	| { readonly event: 'progress'; readonly what: string; readonly done?: number; readonly total?: number }
	/** A cell that is tried again starts and ends again. */
	| { readonly event: 'cell-start'; readonly cell: string }
	| { readonly event: 'cell-note'; readonly cell: string; readonly note: string }
	| { readonly event: 'cell-end'; readonly result: CellResult }
	| { readonly event: 'run-end'; readonly durationMs: number; readonly interrupted: boolean }
);

/** A cell of the plan: one case with one choice of every axis. */
export interface PlannedCell {
	/** Unique in a run and stable between runs: case and choices, such as `pmu/default-counts[board:uniform,debian:trixie,virt]`. */
	readonly id: string;
	/** File below `cases/`, without extension. */
	readonly case: string;
	readonly title: string;
	/** `local`, `ssh://TARGET`, `board:TOPOLOGY`. */
	readonly on: string;
	/** A path or `debian:SUITE`. */
	readonly qemu: string;
	readonly accel: 'kvm' | 'tcg';
	readonly machine: string;
	readonly pmu: string | null;
	readonly cpuPmu: boolean | null;
	/** Why it will not run; `null` when it will. */
	readonly skip: string | null;
}
