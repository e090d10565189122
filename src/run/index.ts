/** The public interface of this folder. Everything else is internal. */

export type { CellPhase, PlannedCell, RunEvent } from './events.ts';
export { isInterrupted, isLost, resultsOf, summaryOf } from './fold.ts';
export { artifactsIn, eventsOf, parseResults, RunFolder, readEvents, readResults } from './folder.ts';
export { divisionName, type GivenPart, type Merged, mergeRuns } from './merge.ts';
export { attemptFolder, cellFolder } from './paths.ts';
export {
	type Attempt,
	type BackendView,
	type CellFiles,
	type CellKernels,
	type CellLogs,
	type CellResult,
	type CellStatus,
	cellStatuses,
	type Disagreement,
	type HostCpus,
	type KernelLog,
	type MovedCount,
	type PackagePin,
	type PerfReading,
	type Quarantine,
	type Results,
	type RunPart,
} from './results.ts';
