/** The public interface of this folder. Other folders import only from here. */

export { askKvm } from './conformance/ask.ts';
export { describeConformance } from './conformance/describe.ts';
export { type Conformance, conformanceRules, judgeConformance } from './conformance/judge.ts';
export { describeSelftest, type EndedSelftest, judgeSelftest, selftestCheck } from './conformance/selftests/judge.ts';
export { conformanceShape } from './conformance/shape.ts';
export { CpuSet, parseCpuList } from './cpu-list.ts';
export type {
	Answer,
	Backend,
	Counting,
	DefaultCount,
	EventSource,
	FileText,
	FixedCounters,
	HostFacts,
	KvmFacts,
	PmuSettings,
	Prediction,
} from './facts.ts';
export {
	type FindingId,
	findings,
	type KnownFindings,
	type KnownSeries,
	kernelFindings,
	knownFindingsOf,
	knownSeries,
	type SeriesIdentity,
} from './findings.ts';
export { type CpuGroup, type HostModel, hostModel } from './model/host-model.ts';
export type { CpuPmu } from './model/sources.ts';
export { cyclesEvent } from './predict/apply.ts';
export { countingOn } from './predict/counting.ts';
export { type PostedStart, postedStarts } from './predict/posted-start.ts';
export { predictBackend } from './predict/predict.ts';
export { parseHostFacts } from './probe/parse-facts.ts';
export { type FactsHost, readHostFacts } from './probe/read-facts.ts';
export { type SimulatedHost, shimWords, simulatedFacts, simulatedNames, sysfsTree } from './simulate/description.ts';
export { type Simulation, type SimulationHost, simulate, wrapperArgv } from './simulate/simulate.ts';
export { type TreeEntry, tarOf } from './simulate/tar.ts';
export { type AroundOptions, type AskedMachine, describeReport, judgeAround } from './verdict/around.ts';
export { kernelFaults } from './verdict/kernel-faults.ts';
export type * from './verdict/observed.ts';
export { parseTraceLog } from './verdict/trace-log.ts';
export { isOfQemu, isUnpredicted, isUntaken, type JudgeOptions, judge } from './verdict/verdict.ts';
