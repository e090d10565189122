import { type HostFacts, hostModel } from '../../src/pmu/index.ts';
import { isSourceName, pmusSpokenOf, shapesOf } from '../plan/groups.ts';
import type { Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import { lacking } from '../plan/requirements.ts';
import type { Lease } from '../protocol/lease.ts';

/** Why a cell means nothing on its host and with its QEMU, as far as it can be told before a prediction. Pure. */
export function lacksHere(
	{ needs = {}, pmu: values = [], topology, otherTopologies = [] }: Matrix,
	{ cell, lease, facts, host }: { cell: Cell; lease: Lease; facts: HostFacts; host: string },
): string | undefined {
	const model = hostModel(facts);
	// Boards are planned by their topology; what a real host is like is known only now.
	if (topology !== undefined && cell.accel === 'kvm' && cell.topology === null) {
		const shapes = shapesOf(model);
		if (![...topology, ...otherTopologies].some(shape => shapes.includes(shape))) {
			return `needs a host like ${topology.join(' or ')}; ${host} is like ${shapes[0] ?? 'none that is known'}`;
		}
	}
	const { machines } = lease.inspection;
	if (!machines.some(one => one.name === cell.machine || one.alias === cell.machine)) {
		const versions = machines.map(one => one.name).filter(name => name.startsWith('virt'));
		return `needs machine type ${cell.machine}; QEMU ${lease.qemu.version} has ${versions.join(', ') || 'none of virt'}`;
	}
	const names = model.pmus.map(pmu => pmu.name);
	const lacked = lacking(
		{ ...needs, pmus: Math.max(needs.pmus ?? 0, pmusSpokenOf(cell.pmu)) },
		{
			...{ host, qemu: lease.qemu.version, pmus: names, overflow: undefined },
			hasPmuChoice: lease.inspection.pmuChoice.has === true,
		},
	);
	if (lacked !== undefined || cell.pmu === null || !isSourceName(cell.pmu)) return lacked;
	// An event source that the case names may be one of other hosts; one that the user names must be there.
	if (!values.includes(cell.pmu) || names.includes(cell.pmu)) return undefined;
	return `needs the event source ${cell.pmu}; those of ${host}'s CPUs are: ${names.join(', ') || 'none'}`;
}
