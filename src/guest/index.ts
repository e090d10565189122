/** The room's door. What is not here is the room's own. */

export { SerialConsole } from './console.ts';
export { GuestError } from './errors.ts';
export { openShell, type ShellOptions } from './open.ts';
export type { PerfStatEntry } from './perf/entry.ts';
export { parsePerfStat } from './perf/parse.ts';
export { type PerfStatRun, runPerfStat } from './perf/run.ts';
export type { GuestResult, GuestRunOptions, GuestShell } from './shell.ts';
export { serveTerminal, TerminalClient } from './terminal.ts';
export { type Workload, workloads } from './workloads.ts';
