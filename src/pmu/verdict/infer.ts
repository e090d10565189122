import type { Prediction } from '../facts.ts';
import type {
	DeviceTreeObservation,
	GuestObservation,
	Observations,
	ObservedBackend,
	QmpObservation,
	TraceObservation,
} from './observed.ts';

/**
 * Infers the backend from the layers. The patch does not report its choice: an event source and the fixed-counters-only PMU
 * leave a trace line. KVM's default and no PMU leave none, and differ in whether the CPU and the guest have a PMU.
 *
 * The prediction is used only for the accelerator and the name of a type.
 */
export function observedBackend(
	observations: Observations,
	prediction: Pick<Prediction, 'type' | 'name' | 'accel'>,
): ObservedBackend {
	const { accel } = prediction;
	const { start, qmp, trace, guest, deviceTree } = observations;
	const layers = {
		qmp: qmp === undefined ? null : qmpView(qmp),
		trace: trace === undefined ? null : traceView(trace),
		guest: guest !== undefined ? guestView(guest) : deviceTree !== undefined ? treeView(deviceTree) : null,
	};
	if (start?.state === 'exited') return { backend: 'error', layers };
	if (start === undefined || qmp === undefined || trace === undefined) return { backend: 'unknown', layers };
	const taken = trace.setPmu.filter(line => line.ret === 0);
	const types = new Set(taken.map(line => line.type));
	const fixed = trace.setFixedCountersOnly.some(line => line.ret === 0);
	if (accel === 'kvm' && !qmp.kvm.enabled) return { backend: 'unknown', layers };
	if (types.size === 1 && !fixed) {
		const type = taken[0]!.type;
		return {
			backend: 'event-source',
			type,
			...(type === prediction.type && prediction.name !== undefined ? { name: prediction.name } : {}),
			layers,
		};
	}
	if (fixed && types.size === 0) return { backend: 'fixed-counters-only', layers };
	if (trace.setPmu.length + trace.setFixedCountersOnly.length > 0) return { backend: 'unknown', layers };
	if (guest === undefined && deviceTree === undefined) return { backend: 'unknown', layers };
	const guestHas = guest === undefined ? deviceTree?.pmuNode === true : guest.pmuNode && guest.counters !== null;
	if (qmp.cpuPmu === true && guestHas) return { backend: 'default', layers };
	if (qmp.cpuPmu === 'absent' && !guestHas) return { backend: 'none', layers };
	// With pmu=off the guest has no PMU, so KVM's default cannot be observed.
	if (qmp.cpuPmu === false && !guestHas) return { backend: accel === 'tcg' ? 'none' : 'unknown', layers };
	return { backend: 'unknown', layers };
}

const qmpView = (qmp: QmpObservation) =>
	`KVM ${qmp.kvm.enabled ? 'enabled' : 'not enabled'}, CPU property pmu ${qmp.cpuPmu}, ${qmp.runState}`;

function traceView(trace: TraceObservation): string {
	const lines = [
		...trace.setPmu.map(({ type, ret }) => `type ${type} ret ${ret}`),
		...trace.setFixedCountersOnly.map(({ ret }) => `fixed-counters-only ret ${ret}`),
	];
	if (lines.length === 0) return trace.events === 'known' ? 'nothing was set' : 'this QEMU has no such events';
	return lines.join(', ');
}

const treeView = (tree: DeviceTreeObservation) =>
	`not booted; ${tree.pmuNode ? 'a' : 'no'} /pmu node in its device tree`;

function guestView(guest: GuestObservation): string {
	const counted = guest.readings.filter(reading => reading.state === 'counted' && (reading.count ?? 0n) > 0n);
	const pmu = guest.pmuNode ? `/pmu node, ${guest.counters ?? 'unknown number of'} counters` : 'no /pmu node';
	return `${pmu}; ${counted.length} of ${guest.readings.length} readings counted`;
}
