/** The public interface of this folder. Everything else is internal. */

export { Connections } from './connections.ts';
export { HostError } from './errors.ts';
export type {
	CommandResult,
	GetOptions,
	Host,
	HostFolder,
	HostLock,
	HostProcess,
	HostReference,
	ProcessExit,
	ReadOptions,
	RunOptions,
	SpawnOptions,
} from './host.ts';
export { type KernelLogMark, type KernelLogPart, kernelLogSince, markKernelLog } from './kernel-log.ts';
export { localHost } from './local.ts';
export { startTime } from './processes/started.ts';
export { sshHost } from './ssh/host.ts';
