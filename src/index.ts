/** The library's only door. What is not here is not public. */

export { type DeviceNode, type DeviceTree, readDeviceTree, writeDeviceTree } from './board/flattened.ts';
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
export { serveTerminal, TerminalClient } from './guest/terminal.ts';
export { type Workload, workloads } from './guest/workloads.ts';
export { attachHost } from './host/attach.ts';
export { HostError } from './host/errors.ts';
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
export { startTime } from './host/started.ts';
export {
	type Architecture,
	BuildFailure,
	type BuildOptions,
	type BuiltQemu,
	buildImage,
	buildQemuSeries,
	type Cache,
	type CacheItem,
	type CacheOptions,
	type CpioEntry,
	cacheRoot,
	cacheSize,
	debianKernel,
	debianPackage,
	debianProgram,
	debianQemu,
	hostArchitecture,
	type Image,
	type ImageFile,
	type ImageFormat,
	imageFormats,
	inspectProgram,
	joinInitramfs,
	type Kernel,
	kernelFromFile,
	librariesLackedBy,
	listCache,
	loadRecipe,
	type OnProgress,
	openCache,
	openQemuSource,
	type PatchFile,
	type ProgramNeeds,
	type ProgramRequest,
	type ProgramRoot,
	type Progress,
	pruneCache,
	type QemuSource,
	type Recipe,
	type RecipeFile,
	type RecipeStub,
	type UnpackedPackage,
	verifiedHash,
	writeCpio,
} from './image/index.ts';
export { DeadlineError, formatDuration, poll, type WaitOptions, within } from './lib/deadline.ts';
export { type Blame, messageOf, systemFault, UsageError, VpmuError } from './lib/errors.ts';
export { type JsonObject, type JsonValue, parseJson, type StringifyOptions, stringifyJson } from './lib/json.ts';
export { LockBusyError, type LockHolder } from './lib/lock.ts';
export { type MachineVersion, machineVersion } from './lib/machine-type.ts';
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
export type { TriageSection } from './qemu/machine/triage.ts';
export { connectWhenReady } from './qemu/process/connect.ts';
export {
	type ProcessOptions,
	QemuProcess,
	type ShutdownBudgets,
	type ShutdownRecord,
	startProcess as startQemuProcess,
} from './qemu/process/process.ts';
export type { Accelerator, MachineSpec, Properties, QemuBuild } from './qemu/spec.ts';
export { type ParsedLog, parseTrace, type TracedPmu, type TraceEvent, tracedPmu } from './qemu/trace.ts';
export { diagnoseVcpus, pinThread, type VcpuDiagnosis, type VcpuThread, vcpuThreads } from './qemu/vcpu.ts';
export {
	type ConnectOptions,
	connectQmp,
	describePeerDeath,
	diffSchemas,
	type EmitTypesOptions,
	type ExecuteOptions,
	emitTypes,
	enumMembers,
	formatRecord,
	type ListenOptions,
	type MarkedPlace,
	type PeerDeath,
	parseRecording,
	type QmpArguments,
	QmpClient,
	type QmpCommandName,
	type QmpDirection,
	QmpError,
	type QmpErrorCode,
	type QmpEvent,
	type QmpEventFilter,
	type QmpEventListener,
	type QmpEventName,
	type QmpEventNamed,
	type QmpGreeting,
	type QmpRecord,
	type QmpRecorder,
	QmpSchema,
	type QmpTarget,
	type ReturnOf,
	type SchemaChange,
	type SchemaDrift,
	type SchemaMember,
	type SchemaType,
} from './qmp/index.ts';
export { htmlOf } from './report/html.ts';
export { junitOf } from './report/junit.ts';
export { kcidbOf } from './report/kcidb.ts';
export { markdownOf } from './report/markdown.ts';
export { notesOf, type RunNote } from './report/notes.ts';
export { PrettyReport } from './report/pretty.ts';
export { tapOf } from './report/tap.ts';
export type { PlannedCell, RunEvent } from './run/events.ts';
export { resultsOf, summaryOf } from './run/fold.ts';
export { RunFolder, readEvents, readResults } from './run/folder.ts';
export { attemptFolder, cellFolder } from './run/paths.ts';
export {
	type Attempt,
	type BackendView,
	type CellResult,
	type CellStatus,
	cellStatuses,
	type PerfReading,
	type Quarantine,
	type Results,
} from './run/results.ts';
