import { describeSelftest } from '../conformance/selftests/judge.ts';
import { CpuSet, parseCpuList } from '../cpu-list.ts';
import type {
	Contradiction,
	GuestSystem,
	KernelLogObservation,
	KernelReportSeen,
	MachineObservation,
	Observations,
	UnexpectedEvent,
} from './observed.ts';
import { sanitizerReports } from './sanitizers.ts';

/** The requested machine. */
export interface AskedMachine {
	/** Names of its machine type: as given, and the one that an alias resolves to. */
	readonly machineTypes: readonly string[];
	/** CPU model; empty: QEMU's own choice. */
	readonly cpu: string;
	readonly vcpus: number;
	readonly memoryMiB: number;
	readonly console: boolean;
}

type Check = (name: string, holds: boolean, expected: string, seen: string) => void;

const mebibyte = 2 ** 20;

/** Which parts of a machine are judged. */
export interface AroundOptions {
	/** The requested machine; not compared if absent. */
	readonly asked?: AskedMachine;
	/** `false` for a start that boots no guest. */
	readonly booted?: boolean;
	/**
	 * For cases that are not about a PMU and may run any guest: missing observations are not a contradiction, and the case
	 * judges events itself.
	 */
	readonly lenient?: boolean;
}

/**
 * Judges everything except the backend: whether the machine is the requested one, whether QEMU reported unexpected events,
 * and whether the kernels are healthy. Applies to every machine, also in cases without a PMU.
 */
export function judgeAround(
	observations: Observations,
	{ asked, booted = true, lenient = false }: AroundOptions = {},
): readonly Contradiction[] {
	const { start, machine, system, unexpected, guestKernel, hostKernel, selftest } = observations;
	const contradictions: Contradiction[] = [];
	const on =
		(layer: Contradiction['layer']): Check =>
		(check, holds, expected, seen) => {
			if (!holds) contradictions.push({ layer, check, expected, seen });
		};
	judgeReports(on('host-kernel'), "a host's kernel without trouble", hostKernel);
	if (selftest?.state === 'not-ok')
		on('selftest')(
			selftest.name,
			false,
			`${selftest.name} to be ok`,
			`it is ${describeSelftest(selftest)}: ${selftest.why}`,
		);
	judgeSanitizers(on('start'), unexpected?.stderr ?? (start?.state === 'exited' ? start.stderr.split('\n') : []));
	if (start?.state !== 'running') return contradictions;
	const isCompared = (seen: unknown) => asked !== undefined && (seen !== undefined || !lenient);
	if (!lenient) judgeEvents(on('qmp'), unexpected?.events ?? []);
	if (isCompared(machine)) judgeMachine(on('qmp'), asked!, machine);
	if (!booted) return contradictions;
	if (isCompared(system)) judgeSystem(on('guest'), asked!, system);
	if (guestKernel !== undefined || !lenient) judgeGuestKernel(on('guest-kernel'), guestKernel, lenient);
	return contradictions;
}

/** Compares the requested machine with what QMP reports. */
function judgeMachine(check: Check, asked: AskedMachine, seen: MachineObservation | undefined): void {
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

/** Compares the requested machine with what the guest's kernel detected. */
function judgeSystem(check: Check, asked: AskedMachine, system: GuestSystem | undefined): void {
	if (system === undefined) {
		check('system-asked', false, 'the guest to say what machine it found', 'it was not asked');
		return;
	}
	const online = listed(system.online);
	check(
		'system-vcpus',
		online === asked.vcpus,
		`${asked.vcpus} vCPUs to be online in the guest`,
		`there ${online === 1 ? 'is' : 'are'} ${online} (${system.online.trim() || 'no list'})`,
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

/** Events that change the machine and so make a verdict about it meaningless. */
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

/** Describes an event's effect on the machine; `undefined` if it does not affect a verdict. */
function meaningOf({ event }: UnexpectedEvent): string | undefined {
	return Object.hasOwn(grave, event) ? grave[event] : undefined;
}

/** Judges unexpected events. Events that do not change the machine are shown but not judged. */
function judgeEvents(check: Check, events: readonly UnexpectedEvent[]): void {
	for (const one of new Map(events.map(event => [event.event, event])).values()) {
		const meaning = meaningOf(one);
		const data = one.data === undefined ? '' : ` ${JSON.stringify(one.data, bigintAsText)}`;
		check('qmp-events', meaning === undefined, 'no unexpected event', `${meaning} (${one.event}${data})`);
	}
}

/** Judges what a QEMU that was built with sanitizers wrote, at its end too. */
function judgeSanitizers(check: Check, stderr: readonly string[]): void {
	const reports = [...new Set(sanitizerReports(stderr))];
	for (const report of reports.slice(0, mostReports)) check('sanitizer', false, 'no report of a sanitizer', report);
	const more = reports.length - mostReports;
	check('sanitizer', more <= 0, 'no report of a sanitizer', `${more} more reports`);
}

/**
 * Judges the guest kernel's log. A log that was not read passes only if the guest was gone, or in a case that may run any guest:
 * such a guest may have no means to show it.
 */
function judgeGuestKernel(check: Check, log: KernelLogObservation | undefined, lenient: boolean): void {
	const wanted = "the guest's kernel log to be read";
	if (log === undefined) check('guest-kernel-asked', false, wanted, 'it was not asked for');
	else check('guest-kernel-read', lenient || log.unread?.expected !== false, wanted, `${log.unread?.reason}`);
	judgeReports(check, "a guest's kernel without trouble", log);
}

/** The first reports say what happened; later ones are often consequences. All of them are in the results. */
const mostReports = 4;

/** An unreadable host log is not a contradiction: the result reports it. */
function judgeReports(check: Check, expected: string, log: KernelLogObservation | undefined): void {
	const reports = log?.reports ?? [];
	for (const report of reports.slice(0, mostReports)) check('kernel-trouble', false, expected, describeReport(report));
	const more = reports.length - mostReports;
	check('kernel-trouble', more <= 0, expected, `${more} more reports of it`);
}

/** Summarises a report in one line: what the kernel did, and the first line that it printed. */
export function describeReport({ did, line, lines }: KernelReportSeen): string {
	const more = lines
		.filter(text => !text.includes(line) && /\S/.test(text) && !text.includes('[ cut here ]'))
		.slice(0, 2)
		.map(text => ` | ${text.trim()}`);
	return `it ${did}: ${line}${more.join('')}`;
}

function bigintAsText(_key: string, value: unknown): unknown {
	return typeof value === 'bigint' ? String(value) : value;
}
