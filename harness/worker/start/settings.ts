import { type AskedMachine, type HostFacts, hostModel, type PmuSettings } from '../../../src/pmu/index.ts';
import type { MachineSpec } from '../../../src/qemu/index.ts';
import { resolvePmu } from '../../plan/groups.ts';
import type { Cell } from '../../plan/plan.ts';
import type { Lease } from '../../protocol/lease.ts';

/** What one start changes from the cell's matrix. */
export interface StartChoices {
	/** Host CPUs (list format) to which all of QEMU is bound from its start. */
	readonly affinity?: string | undefined;
	/** `-icount shift=N`, TCG only. */
	readonly icountShift?: number | undefined;
	readonly backcompatPmu?: boolean | null | undefined;
	readonly machine?: string | undefined;
}

/** Returns what a cell asks of QEMU, and what is known of that QEMU, as input for the prediction. */
export function settingsOf(
	cell: Cell,
	lease: Lease,
	facts: HostFacts,
	{ affinity, icountShift, backcompatPmu = cell.backcompatPmu, machine = cell.machine }: StartChoices = {},
): PmuSettings {
	const type = machineTypeOf(machine, lease);
	const pmu = cell.pmu === null ? undefined : resolvePmu(cell.pmu, hostModel(facts));
	return {
		machine: type?.name ?? machine,
		accel: cell.accel,
		cpu: cell.cpu,
		vcpus: cell.vcpus,
		...(pmu === undefined ? {} : { pmu }),
		...(backcompatPmu === null ? {} : { backcompatPmu }),
		...(cell.cpuPmu === null ? {} : { cpuPmu: cell.cpuPmu }),
		...(affinity === undefined ? {} : { affinity }),
		...(icountShift === undefined ? {} : { icountShift }),
		qemu: {
			hasPmuChoice: lease.inspection.pmuChoice.has === true,
			version: lease.qemu.version,
			...(typeof type?.backcompatPmu === 'boolean' ? { machineBackcompatPmu: type.backcompatPmu } : {}),
		},
	};
}

/** Returns what a machine was asked to be, with an alias of its type resolved. */
export function askedOf(spec: MachineSpec, lease: Pick<Lease, 'inspection'>): AskedMachine {
	const type = machineTypeOf(spec.machine, lease);
	return {
		machineTypes: [...new Set([spec.machine, ...(type === undefined ? [] : [type.name])])],
		cpu: spec.cpu,
		vcpus: spec.vcpus,
		memoryMiB: spec.memoryMiB,
		console: spec.console ?? spec.kernel !== undefined,
	};
}

/** Returns what QEMU's inspection says of a machine type, also if it was named by its alias. */
export function machineTypeOf(machine: string, { inspection }: Pick<Lease, 'inspection'>) {
	return inspection.machines.find(one => one.name === machine || one.alias === machine);
}
