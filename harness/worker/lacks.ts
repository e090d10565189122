import { type HostFacts, hostModel } from '../../src/pmu/index.ts';
import { isSourceName, pmusSpokenOf, shapesOf } from '../plan/groups.ts';
import type { Matrix } from '../plan/matrix.ts';
import type { Cell } from '../plan/plan.ts';
import { lacking } from '../plan/requirements.ts';
import type { Lease } from '../protocol/lease.ts';

/** Returns why a cell means nothing on its host or with its QEMU, as far as that is known before a prediction. Pure. */
export function lacksHere(
	{ needs = {}, pmu: values = [], topology, otherTopologies = [] }: Matrix,
	{ cell, lease, facts, host }: { cell: Cell; lease: Lease; facts: HostFacts; host: string },
): string | undefined {
	const model = hostModel(facts);
	// Boards are planned by topology, but the shape of a real host is known only now.
	if (topology !== undefined && cell.accel === 'kvm' && cell.topology === null) {
		const shapes = shapesOf(model);
		if (![...topology, ...otherTopologies].some(shape => shapes.includes(shape))) {
			return `needs a host like ${topology.join(' or ')}; ${host} is like ${shapes[0] ?? 'no known topology'}`;
		}
	}
	const { machines } = lease.inspection;
	if (!machines.some(one => one.name === cell.machine || one.alias === cell.machine)) {
		const versions = machines.map(one => one.name).filter(name => name.startsWith('virt'));
		return `needs machine type ${cell.machine}; QEMU ${lease.qemu.version} has ${versions.join(', ') || 'no versioned virt type'}`;
	}
	const names = model.pmus.map(pmu => pmu.name);
	const lacked = lacking(
		{ ...needs, pmus: Math.max(needs.pmus ?? 0, pmusSpokenOf(cell.pmu)) },
		{
			...{ host, qemu: lease.qemu.version, pmus: names, overflow: undefined },
			...{ selftests: cell.selftests },
			hasPmuChoice: lease.inspection.pmuChoice.has === true,
		},
	);
	if (lacked !== undefined || cell.pmu === null || !isSourceName(cell.pmu)) return lacked;
	// An event source named by the case may belong to other hosts; one named by the user must exist.
	if (!values.includes(cell.pmu) || names.includes(cell.pmu)) return undefined;
	return `needs the event source ${cell.pmu}; the CPUs of ${host} have: ${names.join(', ') || 'none'}`;
}
