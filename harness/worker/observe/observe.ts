import path from 'node:path';
import { type DeviceTree, readDeviceTree } from '../../../src/board/index.ts';
import type { Host } from '../../../src/host/index.ts';
import { contention, messageOf } from '../../../src/lib/index.ts';
import type { MachineObservation, QmpObservation, TraceObservation } from '../../../src/pmu/index.ts';
import type { Machine } from '../../../src/qemu/index.ts';

/** Asks QEMU about the PMU. `machineBackcompatPmu` is the value found in its machine type's compat properties. */
export async function askQmp({ qmp }: Machine, machineBackcompatPmu?: boolean | null): Promise<QmpObservation> {
	const [kvm, [cpu], { status }] = await Promise.all([
		qmp.execute('query-kvm'),
		qmp.execute('query-cpus-fast'),
		qmp.execute('query-status'),
	]);
	const cpuPmu = await qmp.execute('qom-get', { path: cpu!['qom-path'], property: 'pmu' }).then(
		value => value as boolean,
		error => {
			if (/not found/.test(messageOf(error))) return 'absent' as const;
			throw error;
		},
	);
	return {
		kvm,
		cpuPmu,
		runState: status,
		...(typeof machineBackcompatPmu === 'boolean' ? { machineBackcompatPmu } : {}),
	};
}

/** Asks QEMU which machine it runs. */
export async function askMachine({ qmp }: Machine): Promise<MachineObservation> {
	const typeOf = async (path: string) => String(await qmp.execute('qom-get', { path, property: 'type' }));
	const [machineType, cpus, { 'base-memory': memoryBytes }, chardevs] = await Promise.all([
		typeOf('/machine'),
		qmp.execute('query-cpus-fast'),
		qmp.execute('query-memory-size-summary'),
		qmp.execute('query-chardev'),
	]);
	const console = chardevs.find(one => one.label === 'console');
	return {
		vcpus: cpus.length,
		memoryBytes: Number(memoryBytes),
		machineType,
		cpuTypes: await Promise.all(cpus.map(cpu => typeOf(cpu['qom-path']))),
		consoleConnected: console === undefined ? null : !console.filename.startsWith('disconnected:'),
	};
}

/** Reads what QEMU has traced of the choice so far. `known`: whether it has the trace events at all. */
export async function readPmuTrace(machine: Machine, known: boolean): Promise<TraceObservation> {
	const { events } = await machine.readLog();
	const numbersOf = (name: string) => events.filter(one => one.event === name).map(one => one.numbers);
	return {
		events: known ? 'known' : 'unknown',
		setPmu: numbersOf('kvm_arm_set_pmu').map(({ type, ret }) => ({ type: type!, ret: ret! })),
		setFixedCountersOnly: numbersOf('kvm_arm_set_pmu_fixed_counters_only').map(({ ret }) => ({ ret: ret! })),
	};
}

/** QEMU never makes a larger one (1 MiB). */
const mostTreeBytes = 4 * 1024 * 1024;

/**
 * Reads the device tree that QEMU made for its guest (QMP `dumpdtb`, QEMU 7.2 and later). @throws QmpError, HostError;
 * RangeError if it is not a device tree
 */
export async function dumpDeviceTree(machine: Machine, host: Host): Promise<DeviceTree> {
	// Next to its log, in the folder that is removed with the machine.
	const filename = `${path.posix.dirname(machine.logPath)}/dtb`;
	await machine.qmp.execute('dumpdtb', { filename });
	return readDeviceTree(
		await host.read(filename, {
			timeoutMs: 20_000 * contention(),
			maxBytes: mostTreeBytes,
			compressed: true,
			untrusted: true,
		}),
	);
}

/** Writes a device tree as sorted lines `/node/property=hexadecimal`, for comparison. */
export function deviceTreeLines({ root }: DeviceTree): string[] {
	const lines: string[] = [];
	const visit = (node: DeviceTree['root'], at: string) => {
		lines.push(`${at}/`);
		for (const [name, value] of node.properties) lines.push(`${at}/${name}=${value.toString('hex')}`);
		for (const child of node.children) visit(child, `${at}/${child.name}`);
	};
	visit(root, '');
	return lines.sort();
}

/** Random seeds for the guest's kernel, different at each start. */
const seed = /^\/chosen\/(rng|kaslr)-seed=/;

/** Returns the lines that only one of two device trees has, random seeds excepted. */
export function deviceTreeChanges(before: DeviceTree, after: DeviceTree): string[] {
	const linesOf = (tree: DeviceTree) => new Set(deviceTreeLines(tree).filter(line => !seed.test(line)));
	const [one, other] = [linesOf(before), linesOf(after)];
	return [
		...[...one].filter(line => !other.has(line)).map(line => `- ${line}`),
		...[...other].filter(line => !one.has(line)).map(line => `+ ${line}`),
	];
}
