import { CpuSet, parseCpuList } from '../cpu-list.ts';
import type {
	GuestObservation,
	KernelLogObservation,
	KernelReportSeen,
	MachineObservation,
	QmpObservation,
	UnexpectedEvent,
} from './observed.ts';

/** What a machine was asked to be. */
export interface AskedMachine {
	/** Names of its machine type: as given, and what an alias stands for. */
	readonly machineTypes: readonly string[];
	/** CPU model; empty: QEMU's own choice. */
	readonly cpu: string;
	readonly vcpus: number;
	readonly memoryMiB: number;
	readonly console: boolean;
}

type Check = (name: string, holds: boolean, expected: string, seen: string) => void;

const mebibyte = 2 ** 20;

/** Compares what was asked of QEMU with what QMP says is there. */
export function judgeMachine(check: Check, asked: AskedMachine, seen: MachineObservation | undefined): void {
	if (seen === undefined) {
		check('machine-asked', false, 'QEMU to say what machine it runs', 'it was not asked');
		return;
	}
	check('machine-vcpus', seen.vcpus === asked.vcpus, `${asked.vcpus} vCPUs`, `QEMU has ${seen.vcpus}`);
	const memory = asked.memoryMiB * mebibyte;
	check('machine-memory', seen.memoryBytes === memory, `${asked.memoryMiB} MiB`, `QEMU has ${mib(seen.memoryBytes)}`);
	const types = asked.machineTypes.map(name => `${name}-machine`);
	check(
		'machine-type',
		types.includes(seen.machineType),
		`a machine of type ${asked.machineTypes.join(' or ')}`,
		`it is ${seen.machineType}`,
	);
	const cpuType = `${asked.cpu}-arm-cpu`;
	check(
		'machine-cpu',
		asked.cpu === '' || (seen.cpuTypes.length > 0 && seen.cpuTypes.every(type => type === cpuType)),
		`vCPUs of model ${asked.cpu}`,
		`they are ${[...new Set(seen.cpuTypes)].join(', ') || 'of no known type'}`,
	);
	check(
		'machine-console',
		!asked.console || seen.consoleConnected === true,
		'a console that is connected',
		seen.consoleConnected === null ? 'there is none' : 'its other end is gone',
	);
}

/** Compares what was asked of QEMU with what the guest's kernel found. */
export function judgeSystem(check: Check, asked: AskedMachine, { system }: GuestObservation): void {
	if (system === undefined) {
		check('system-asked', false, 'the guest to say what machine it found', 'it was not asked');
		return;
	}
	const online = listed(system.online);
	check(
		'system-vcpus',
		online === asked.vcpus,
		`${asked.vcpus} vCPUs online`,
		`${online} of them are (${system.online})`,
	);
	const memory = asked.memoryMiB * mebibyte;
	check(
		'system-memory',
		system.memoryBytes === memory,
		`a guest with ${asked.memoryMiB} MiB`,
		`its device tree has ${mib(system.memoryBytes)}`,
	);
	check(
		'system-console',
		!asked.console || system.consoles.some(name => /^ttyAMA\d+$/.test(name)),
		"the guest's console to be the serial port (ttyAMA)",
		`it is ${system.consoles.join(', ') || 'none'}`,
	);
}

function listed(cpus: string): number {
	try {
		return parseCpuList(cpus).size;
	} catch {
		return new CpuSet().size;
	}
}

const mib = (bytes: number) => `${Math.round((bytes / mebibyte) * 100) / 100} MiB`;

/** Events after which a machine is not what it was, and a verdict about it means nothing. */
const grave: Readonly<Record<string, string>> = {
	STOP: 'QEMU stopped the machine',
	RESET: 'the machine was reset',
	SHUTDOWN: 'the machine was shut down',
	SUSPEND: 'the guest suspended itself',
	SUSPEND_DISK: 'the guest suspended itself',
	GUEST_PANICKED: 'the guest panicked',
	GUEST_CRASHLOADED: 'the guest crashed',
	WATCHDOG: "the guest's watchdog expired",
	BLOCK_IO_ERROR: 'a disk or image file could not be read or written',
	MEMORY_FAILURE: 'memory of the host failed',
};

/** What an event means for the machine; `undefined` for one that changes nothing about a verdict. */
export function meaningOf({ event }: UnexpectedEvent): string | undefined {
	return Object.hasOwn(grave, event) ? grave[event] : undefined;
}

/** Judges the events that nothing asked for. Those that change nothing about the machine are shown and not judged. */
export function judgeEvents(check: Check, { unexpected }: QmpObservation): void {
	for (const one of unexpected?.events ?? []) {
		const meaning = meaningOf(one);
		const data = one.data === undefined ? '' : ` ${JSON.stringify(one.data, bigintAsText)}`;
		check('qmp-events', meaning === undefined, 'no event that nothing asked for', `${meaning} (${one.event}${data})`);
	}
}

/** Judges the log of the guest's kernel. A log that was not read passes only where it could not have been. */
export function judgeGuestKernel(check: Check, log: KernelLogObservation | undefined): void {
	const wanted = "the guest's kernel log to be read";
	if (log === undefined) check('guest-kernel-asked', false, wanted, 'it was not asked for');
	else check('guest-kernel-read', log.unread?.expected !== false, wanted, `${log.unread?.reason}`);
	judgeReports(check, "a guest's kernel without trouble", log);
}

/** Judges the log of the host's kernel. One that may not be read is no contradiction: the result says so. */
export function judgeHostKernel(check: Check, log: KernelLogObservation | undefined): void {
	judgeReports(check, "a host's kernel without trouble", log);
}

function judgeReports(check: Check, expected: string, log: KernelLogObservation | undefined): void {
	for (const report of log?.reports ?? []) check('kernel-trouble', false, expected, describeReport(report));
}

/** A report in a line: what the kernel did, and the first of what it printed. */
export function describeReport({ did, line, lines }: KernelReportSeen): string {
	const more = lines
		.filter(text => !text.includes(line) && /\S/.test(text))
		.slice(0, 2)
		.map(text => ` | ${text.trim()}`);
	return `it ${did}: ${line}${more.join('')}`;
}

function bigintAsText(_key: string, value: unknown): unknown {
	return typeof value === 'bigint' ? String(value) : value;
}
