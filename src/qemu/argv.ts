import { UsageError } from '../lib/errors.ts';
import type { MachineSpec, Properties } from './spec.ts';

/** Paths of a machine's sockets and log on the host. */
export interface MachinePaths {
	readonly qmp: string;
	readonly console: string;
	/** The console is a pair of FIFOs (this path with `.in` and `.out`) instead of a socket. */
	readonly consoleFifos?: boolean;
	/**
	 * QEMU waits for a peer on its last socket and announces this: the console's socket, or QMP's if there is no console. On a
	 * remote host this avoids polling for the sockets, where each look is a round trip; locally a look costs almost nothing.
	 */
	readonly announced?: boolean;
	/** Target of `-D`: trace events and `-d` items. */
	readonly log: string;
	/** Socket path by port name, for each port of the spec. */
	readonly ports: Readonly<Record<string, string>>;
}

/**
 * Machine properties of a small `virt` guest: an interrupt controller that KVM supports on every Arm server, and no ITS (no
 * device here raises MSIs, and an ITS costs boot time).
 */
export const smallVirt: Properties = { 'gic-version': 3, its: false };

/** Escapes a value in an option list: QEMU reads a doubled comma as one comma (QEMU, "invocation", -device). */
export function escapeComma(text: string): string {
	return text.replaceAll(',', ',,');
}

/** Formats `HEAD,name=value,...` with doubled commas, and booleans as `on` and `off`. */
export function optionText(head: string, properties: Properties = {}): string {
	return [
		escapeComma(head),
		...Object.entries(properties).map(
			([name, value]) => `${name}=${typeof value === 'boolean' ? (value ? 'on' : 'off') : escapeComma(String(value))}`,
		),
	].join(',');
}

/** Whether the machine has a serial console. */
export function hasConsole(spec: MachineSpec): boolean {
	return spec.console ?? spec.kernel !== undefined;
}

/**
 * Builds the command line of a machine, program first. The machine always starts with its vCPUs stopped (`-S`), so that no
 * console output is lost before its reader is connected.
 *
 * @throws UsageError for a spec that no QEMU accepts
 */
export function buildArgv(spec: MachineSpec, paths: MachinePaths): string[] {
	checkSpec(spec);
	return [
		...spec.qemu.command,
		...plainMachine(),
		...machineArgs(spec),
		...bootArgs(spec),
		...qmpArgs(paths, !hasConsole(spec)),
		...portArgs(spec.ports ?? [], paths.ports),
		...(hasConsole(spec) ? consoleArgs(paths) : []),
		...logArgs(spec, paths.log),
		...(spec.extra ?? []),
	];
}

/** No default devices, no configuration files of the host, no display, vCPUs stopped. */
function plainMachine(): string[] {
	return ['-nodefaults', '-no-user-config', '-display', 'none', '-S'];
}

function machineArgs(spec: MachineSpec): string[] {
	return [
		'-machine',
		optionText(spec.machine, spec.machineProperties),
		'-accel',
		optionText(spec.accel, spec.accelProperties),
		...(spec.cpu === '' ? [] : ['-cpu', optionText(spec.cpu, spec.cpuProperties)]),
		...(spec.vcpus === 0 ? [] : ['-smp', String(spec.vcpus)]),
		...(spec.memoryMiB === 0 ? [] : ['-m', `${spec.memoryMiB}M`]),
		...(spec.icountShift === undefined ? [] : ['-icount', `shift=${spec.icountShift}`]),
		...(spec.reboot === true ? [] : ['-no-reboot']),
	];
}

function bootArgs(spec: MachineSpec): string[] {
	// These take a plain path or text, not an option list: do not double commas.
	return [
		...(spec.kernel === undefined ? [] : ['-kernel', spec.kernel]),
		...(spec.initrd === undefined ? [] : ['-initrd', spec.initrd]),
		...(spec.append === undefined ? [] : ['-append', spec.append]),
		...(spec.dtb === undefined ? [] : ['-dtb', spec.dtb]),
	];
}

/** A socket that QEMU listens on; `wait`: QEMU waits for a peer. */
function socketChardev(id: string, path: string, wait = false): string[] {
	return ['-chardev', optionText('socket', { id, path, server: true, wait })];
}

function qmpArgs({ qmp, announced }: MachinePaths, isLast: boolean): string[] {
	return [...socketChardev('qmp', qmp, isLast && announced === true), '-mon', 'chardev=qmp,mode=control'];
}

function consoleArgs({ console: path, consoleFifos, announced }: MachinePaths): string[] {
	const chardev =
		consoleFifos === true
			? ['-chardev', optionText('pipe', { id: 'console', path })]
			: socketChardev('console', path, announced);
	return [...chardev, '-serial', 'chardev:console'];
}

/**
 * Options for virtio-serial ports. Uses PCI, because Debian's arm64 kernels have virtio-pci built in and virtio-mmio only as
 * a module. Limits the number of ports to those in use (port 0 is for a console): the driver sets up two queues for each
 * port, and the default is 31. Uses line interrupts, because on an emulated host the setup of MSIs costs a guest more time
 * than they save.
 */
function portArgs(names: readonly string[], paths: Readonly<Record<string, string>>): string[] {
	if (names.length === 0) return [];
	return [
		'-device',
		`virtio-serial-pci,id=ports,max_ports=${names.length + 1},vectors=0`,
		...names.flatMap((name, index) => [
			...socketChardev(`port${index}`, paths[name]!),
			'-device',
			optionText('virtserialport', { chardev: `port${index}`, name }),
		]),
	];
}

function logArgs(spec: MachineSpec, path: string): string[] {
	const items = spec.logItems ?? [];
	// Always name the file: trace events can be enabled later, while QEMU runs.
	return [
		...(spec.trace ?? []).flatMap(pattern => ['-trace', pattern]),
		...(items.length === 0 ? [] : ['-d', items.join(',')]),
		'-D',
		path,
	];
}

function checkSpec(spec: MachineSpec): void {
	const { command } = spec.qemu;
	if (command.length === 0 || command[0] === '') throw new UsageError('qemu.command is empty; it needs a program');
	if (spec.machine === '') throw new UsageError("machine is ''; it needs a machine type, such as virt or none");
	checkWhole('vcpus', spec.vcpus);
	checkWhole('memoryMiB', spec.memoryMiB);
	if (spec.icountShift !== undefined) {
		checkWhole('icountShift', spec.icountShift);
		if (spec.accel !== 'tcg') throw new UsageError(`icountShift is ${spec.icountShift}; only accel 'tcg' can count`);
	}
	for (const pattern of spec.trace ?? []) {
		// QEMU would read a leading option name as `-trace file=...`, and a comma as the start of the next option.
		if (!/^[\w*?-]+$/.test(pattern)) {
			throw new UsageError(`trace pattern '${pattern}' is not an event name with wildcards, such as kvm_arm_set_pmu*`);
		}
	}
	for (const item of spec.logItems ?? []) {
		if (!/^[\w:*]+$/.test(item)) throw new UsageError(`log item '${item}' is not an item of -d, such as unimp`);
	}
	for (const name of spec.ports ?? []) {
		if (!/^[\w.-]+$/.test(name)) {
			throw new UsageError(`port name '${name}' may hold only letters, digits, '.', '_' and '-'`);
		}
	}
	const names = [...Object.keys(spec.machineProperties ?? {}), ...Object.keys(spec.cpuProperties ?? {})];
	for (const name of [...names, ...Object.keys(spec.accelProperties ?? {})]) {
		if (!/^[\w.-]+$/.test(name)) throw new UsageError(`property name '${name}' is not a name of a QEMU property`);
	}
}

function checkWhole(name: string, value: number): void {
	if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`${name} is ${value}; it needs a whole number`);
}
