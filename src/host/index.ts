/** The room's door. What is not here is the room's own. */

export { attachHost } from './attach.ts';
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
export { sshHost } from './ssh/host.ts';
export { startTime } from './started.ts';
