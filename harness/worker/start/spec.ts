import { VpmuError } from '../../../src/lib/index.ts';
import type { HostFacts, Simulation } from '../../../src/pmu/index.ts';
import { type MachineSpec, smallVirt } from '../../../src/qemu/index.ts';
import type { Cell } from '../../plan/plan.ts';
import type { Lease } from '../../protocol/lease.ts';
import { type StartChoices, settingsOf } from './settings.ts';

/** What a start changes from the matrix. */
export interface StartOptions extends StartChoices {
	readonly spec?: Partial<MachineSpec>;
}

/** How a machine besides the cell's own is started. */
export interface BesideOptions extends StartOptions {
	/** Use the matrix's `reference` QEMU instead of the one under test. */
	readonly reference?: boolean;
	/** Whether to load a kernel; default no. */
	readonly boot?: boolean;
}

/** Adapts a lease to a start, with the reference QEMU if requested. @throws VpmuError if the case has none */
export function leaseOf(lease: Lease, { reference = false }: BesideOptions): Lease {
	if (!reference) return lease;
	if (lease.reference === undefined) {
		throw new VpmuError('the case names no reference in its matrix', { blame: 'harness' });
	}
	return { ...lease, ...lease.reference };
}

/** What a machine boots our guest with. */
export function bootable({ kernel, initrd }: Pick<Lease, 'kernel' | 'initrd'>): Partial<MachineSpec> {
	return {
		kernel: kernel.path,
		initrd,
		append: kernel.append,
		// The console stays, but commands use a port, which moves blocks instead of single characters.
		ports: ['vpmu'],
	};
}

/** Builds the specification of the machine that a cell asks for. Pure. */
export function specOf(
	{
		cell,
		lease,
		facts,
		simulation: { within, around },
	}: { cell: Cell; lease: Lease; facts: HostFacts; simulation: Pick<Simulation, 'within' | 'around'> },
	options: StartOptions,
	base: Partial<MachineSpec>,
): MachineSpec {
	const { machine, pmu, cpu, cpuPmu, backcompatPmu } = settingsOf(cell, lease, facts, options);
	const { affinity, icountShift } = options;
	const pinned = affinity === undefined ? [] : ['taskset', '-c', affinity];
	return {
		qemu: { command: [...around, ...pinned, ...lease.qemu.command] },
		...(within.length === 0 ? {} : { within }),
		// Use the name from the case, so that QEMU resolves an alias itself.
		machine: options.machine === undefined ? cell.machine : machine,
		machineProperties: smallVirt,
		accel: cell.accel,
		accelProperties: {
			...(pmu === undefined ? {} : { pmu }),
			...(backcompatPmu === undefined ? {} : { 'backcompat-pmu': backcompatPmu }),
		},
		cpu: cpu ?? cell.cpu,
		...(cpuPmu === undefined ? {} : { cpuProperties: { pmu: cpuPmu } }),
		vcpus: cell.vcpus,
		memoryMiB: 256,
		...(icountShift === undefined ? {} : { icountShift }),
		...(cell.accel === 'kvm' ? { trace: ['kvm_arm_set_pmu*'] } : {}),
		...base,
		...options.spec,
	};
}
