/** The public interface of this folder. Everything else is internal. */

export type { PlannedCell, RunEvent } from './events.ts';
export { resultsOf, summaryOf } from './fold.ts';
export { RunFolder, readEvents, readResults } from './folder.ts';
export { attemptFolder, cellFolder } from './paths.ts';
export {
	type Attempt,
	type BackendView,
	type CellLogs,
	type CellResult,
	type CellStatus,
	cellStatuses,
	type Disagreement,
	type HostCpus,
	type KernelLog,
	type MovedCount,
	type PerfReading,
	type Quarantine,
	type Results,
} from './results.ts';
