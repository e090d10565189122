/// <reference types="node" preserve="true" />
/**
 * The library for users: `import { startMachine } from 'vpmu'`. docs/library.md describes each name. The rest of a room is
 * behind the room's own door and may change with any version; `vpmu/qmp` is the whole QMP client by itself.
 */

export { Board, BoardError, listTopologies, startBoard } from './board/index.ts';
export {
	GuestError,
	type GuestResult,
	type GuestRunOptions,
	type GuestShell,
	type PerfStatEntry,
	parsePerfStat,
	runPerfStat,
	SerialConsole,
	workloads,
} from './guest/index.ts';
export {
	type CommandResult,
	type Host,
	HostError,
	type HostProcess,
	localHost,
	type RunOptions,
	sshHost,
} from './host/index.ts';
export {
	buildImage,
	type Cache,
	debianKernel,
	debianQemu,
	hostArchitecture,
	loadRecipe,
	openCache,
} from './image/index.ts';
export {
	DeadlineError,
	type JsonValue,
	LockBusyError,
	parseJson,
	poll,
	quoteCommand,
	stringifyJson,
	UsageError,
	VpmuError,
	type WaitOptions,
} from './lib/index.ts';
export {
	CpuSet,
	type HostFacts,
	judge,
	type PmuSettings,
	type Prediction,
	parseCpuList,
	parseHostFacts,
	predictBackend,
	readHostFacts,
} from './pmu/index.ts';
export {
	compareInspections,
	type Inspection,
	inspectQemu,
	Machine,
	type MachineSpec,
	pinThread,
	type QemuBuild,
	QemuError,
	type StartOptions,
	startMachine,
	vcpuThreads,
} from './qemu/index.ts';
export {
	type ConnectOptions,
	connectQmp,
	type ExecuteOptions,
	QmpClient,
	QmpError,
	type QmpEvent,
	type QmpEventFilter,
	type QmpTarget,
} from './qmp/index.ts';
export { type CellResult, type Results, readResults } from './run/index.ts';
