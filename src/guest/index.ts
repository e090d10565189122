/** The public interface of this folder. Other folders import only from here. */

export { SerialConsole } from './console.ts';
export { GuestError } from './errors.ts';
export {
	isStall,
	type KnownMessage,
	knownMessages,
	type LogOrigin,
	type SortedLog,
	sortKernelLog,
} from './kernel/known.ts';
export { incidentsOf, type KernelReport } from './kernel/log.ts';
export { processesNamed } from './kernel/pids.ts';
export type { KernelTroubleKind } from './kernel/words.ts';
export { openShell, type ShellOptions } from './open.ts';
export type { PerfStatEntry } from './perf/entry.ts';
export { parsePerfStat } from './perf/parse.ts';
export { type PerfStatRun, runPerfStat } from './perf/run.ts';
export type { GuestResult, GuestRunOptions, GuestShell } from './shell.ts';
export { serveTerminal, TerminalClient } from './terminal.ts';
export { describeKernelTrouble } from './trouble.ts';
export { type Workload, workloads } from './workloads.ts';
