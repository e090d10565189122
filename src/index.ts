/** The library's only door. What is not here is not public. */

export {
	Board,
	BoardError,
	type BoardOptions,
	type BoardTimings,
	findKeptBoard,
	type KeptBoard,
	keepBoardUp,
	listKeptBoards,
	listSnapshots,
	listTopologies,
	loadTopology,
	removeSnapshots,
	type StoredSnapshot,
	startBoard,
	type Topology,
	takeDown,
} from './board/index.ts';
export { SerialConsole } from './guest/console.ts';
export { GuestError } from './guest/errors.ts';
export { openShell, type ShellOptions } from './guest/open.ts';
export type { PerfStatEntry } from './guest/perf/entry.ts';
export { parsePerfStat } from './guest/perf/parse.ts';
export { type PerfStatRun, runPerfStat } from './guest/perf/run.ts';
export type { GuestResult, GuestRunOptions, GuestShell } from './guest/shell.ts';
export { attachHost } from './host/attach.ts';
export { HostError, LockBusyError } from './host/errors.ts';
export type {
	CommandResult,
	Host,
	HostFolder,
	HostLock,
	HostProcess,
	HostReference,
	ProcessExit,
	RunOptions,
	SpawnOptions,
} from './host/host.ts';
export { localHost } from './host/local.ts';
export { sshHost } from './host/ssh/host.ts';
export {
	type Architecture,
	type BuildOptions,
	buildImage,
	type Cache,
	type CacheItem,
	type CacheOptions,
	type CpioEntry,
	cacheRoot,
	cacheSize,
	debianKernel,
	debianProgram,
	debianQemu,
	hostArchitecture,
	type Image,
	type ImageFile,
	inspectProgram,
	joinInitramfs,
	type Kernel,
	kernelFromFile,
	librariesLackedBy,
	listCache,
	loadRecipe,
	type OnProgress,
	openCache,
	type ProgramNeeds,
	type ProgramRequest,
	type ProgramRoot,
	type Progress,
	pruneCache,
	type Recipe,
	type RecipeFile,
	type RecipeStub,
	writeCpio,
} from './image/index.ts';
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './lib/deadline.ts';
export { type Blame, messageOf, UsageError, VpmuError } from './lib/errors.ts';
export { type JsonObject, type JsonValue, parseJson, type StringifyOptions, stringifyJson } from './lib/json.ts';
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
export { smallVirt } from './qemu/argv.ts';
export { QemuError, type QemuFailure } from './qemu/errors.ts';
export { compareInspections, type Finding, type InspectionComparison, type Invariant } from './qemu/inspect/compare.ts';
export { identifyQemu, type QemuIdentity } from './qemu/inspect/identify.ts';
export { type InspectOptions, inspectQemu } from './qemu/inspect/inspect.ts';
export type {
	CompatProperty,
	Death,
	Inspection,
	MachineType,
	ObjectProperty,
	PmuChoiceEvidence,
} from './qemu/inspect/inspection.ts';
export { attachHelp, attachTerminal } from './qemu/machine/attach.ts';
export { Machine, type MachineTimings } from './qemu/machine/machine.ts';
export { type StartOptions, startMachine } from './qemu/machine/start.ts';
export { QemuProcess, type ShutdownBudgets, type ShutdownRecord } from './qemu/process/process.ts';
export type { Accelerator, MachineSpec, Properties, QemuBuild } from './qemu/spec.ts';
export { type ParsedLog, parseTrace, type TracedPmu, type TraceEvent, tracedPmu } from './qemu/trace.ts';
export { diagnoseVcpus, pinThread, type VcpuDiagnosis, type VcpuThread, vcpuThreads } from './qemu/vcpu.ts';
export { type ExecuteOptions, QmpClient } from './qmp/client.ts';
export { type ConnectOptions, connectQmp } from './qmp/connect.ts';
export { describePeerDeath, type PeerDeath, QmpError, type QmpErrorCode } from './qmp/errors.ts';
export { diffSchemas, type MarkedPlace, type SchemaChange, type SchemaDrift } from './qmp/introspect/diff-schemas.ts';
export { type EmitTypesOptions, emitTypes } from './qmp/introspect/emit-types.ts';
export { enumMembers, QmpSchema, type SchemaMember, type SchemaType } from './qmp/introspect/schema.ts';
export type { EventListener, ListenOptions, QmpEventFilter } from './qmp/listeners.ts';
export type { QmpEvent, QmpGreeting } from './qmp/messages.ts';
export type { QmpTarget } from './qmp/open.ts';
export { formatRecord, parseRecording, type QmpDirection, type QmpRecord, type QmpRecorder } from './qmp/recording.ts';
export type { QmpArguments, QmpCommandName, QmpEventName, QmpEventNamed, ReturnOf } from './qmp/typed.ts';
export { junitOf } from './report/junit.ts';
export { PrettyReport } from './report/pretty.ts';
export type { PlannedCell, RunEvent } from './run/events.ts';
export { resultsOf, summaryOf } from './run/fold.ts';
export { RunFolder, readEvents, readResults } from './run/folder.ts';
export {
	type BackendView,
	type CellResult,
	type CellStatus,
	cellStatuses,
	type PerfReading,
	type Results,
} from './run/results.ts';
