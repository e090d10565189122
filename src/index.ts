/** The library's only door. What is not here is not public. */

export { localHost } from './host/local.ts';
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './lib/deadline.ts';
export { type Blame, messageOf, UsageError, VpmuError } from './lib/errors.ts';
export { quoteCommand, quoteWord } from './lib/quote.ts';
export { CpuSet, parseCpuList } from './pmu/cpu-list.ts';
export type {
	Answer,
	Backend,
	Counting,
	EventSource,
	FileText,
	HostFacts,
	KvmFacts,
	PmuSettings,
	Prediction,
} from './pmu/facts.ts';
export { type FindingId, findings } from './pmu/findings.ts';
export { type PostedStart, postedStarts } from './pmu/predict/posted-start.ts';
export { predictBackend } from './pmu/predict/predict.ts';
export { parseHostFacts } from './pmu/probe/parse-facts.ts';
export { type FactsHost, readHostFacts } from './pmu/probe/read-facts.ts';
export {
	type SimulatedHost,
	shimWords,
	simulatedFacts,
	simulatedNames,
	sysfsTree,
} from './pmu/simulate/description.ts';
export { type Simulation, type SimulationHost, simulate, wrapperArgv } from './pmu/simulate/simulate.ts';
export { type TreeEntry, tarOf } from './pmu/simulate/tar.ts';
export type * from './pmu/verdict/observed.ts';
export { parseTraceLog } from './pmu/verdict/trace-log.ts';
export { type JudgeOptions, judge } from './pmu/verdict/verdict.ts';
