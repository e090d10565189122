/** The public interface of this folder. Everything else is internal. */

export { smallVirt } from './argv.ts';
export { QemuError, type QemuFailure } from './errors.ts';
export { compareInspections, type Finding, type InspectionComparison, type Invariant } from './inspect/compare.ts';
export { identifyQemu, type QemuIdentity } from './inspect/identify.ts';
export { type InspectOptions, inspectQemu } from './inspect/inspect.ts';
export type {
	CompatProperty,
	Death,
	Inspection,
	MachineType,
	ObjectProperty,
	PmuChoiceEvidence,
} from './inspect/inspection.ts';
export { attachHelp, attachTerminal } from './machine/attach.ts';
export { Machine, type MachineTimings } from './machine/machine.ts';
export { describeEvent, type UnexpectedEvent } from './machine/qmp-watch.ts';
export { type StartOptions, startMachine } from './machine/start.ts';
export type { TriageSection } from './machine/triage/triage.ts';
export { connectWhenReady } from './process/connect.ts';
export {
	type ProcessOptions,
	QemuProcess,
	type ShutdownBudgets,
	type ShutdownRecord,
	startProcess as startQemuProcess,
} from './process/process.ts';
export type { Accelerator, MachineSpec, Properties, QemuBuild } from './spec.ts';
export { type ParsedLog, parseTrace, type TracedPmu, type TraceEvent, tracedPmu } from './trace.ts';
export { diagnoseVcpus, pinThread, type VcpuDiagnosis, type VcpuThread, vcpuThreads } from './vcpu.ts';
