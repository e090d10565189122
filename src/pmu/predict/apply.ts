import type { PmuSettings, Prediction } from '../facts.ts';
import type { FindingId } from '../findings.ts';
import { type HostModel, kvmTakes } from '../model/host-model.ts';
import { type Choice, describePosted } from './choice.ts';
import { countingOnDefault, countingOnFixedCounters, countingOnSource, countingWithout } from './counting.ts';
import { kvmDefault } from './kvm-default.ts';
import { isHostModel, isPmuOff, noPropertyText, refusalText } from './option.ts';

/** Applies `-cpu ...,pmu=` to the choice, and determines where it counts. */
export function withCpuProperty(host: HostModel, settings: PmuSettings, choice: Choice): Prediction {
	if (choice.backend === 'error') {
		return {
			...failed(settings, choice.rule, choice.error, choice.because),
			disagreements: disagreements(host, settings, choice),
		};
	}
	const hostModel = isHostModel(settings);
	const scratchLines = hostModel ? 1 : 0;
	const traced = choice.backend === 'event-source' || choice.backend === 'fixed-counters-only';
	const base = { ...settled(settings), rule: choice.rule, ...(choice.type === undefined ? {} : { type: choice.type }) };
	const because = [...choice.because];
	const { considered } = choice;
	const rest = () => ({ because, considered, disagreements: disagreements(host, settings, choice) });

	if (choice.backend === 'none') {
		const wanted = settings.cpuPmu === true || (settings.cpuPmu === false && !settings.qemu.hasPmuChoice);
		if (hostModel && wanted) {
			because.push(
				`QEMU does not register the property pmu of the CPU where there is no PMU, so pmu=${onOff(settings)} is refused`,
			);
			return {
				...failed(settings, choice.rule, noPropertyText(settings), because),
				disagreements: rest().disagreements,
			};
		}
		return {
			...base,
			backend: 'none',
			guestHasPmu: false,
			cpuPmuProperty: hostModel ? 'absent' : settings.cpuPmu !== false,
			traceLines: 0,
			events: [],
			counting: countingWithout(host),
			...rest(),
		};
	}

	const fallback = kvmDefault(host, settings.affinity);
	if (choice.backend === 'default') {
		because.push(...fallback.because);
		if (fallback.initFails) {
			because.push('no vCPU with a PMU can be made on the CPUs that QEMU may start on');
			return failed(settings, choice.rule, refusalText(settings), because);
		}
	}
	const source =
		choice.backend === 'default' && fallback.candidates.length === 1
			? fallback.candidates[0]
			: host.pmus.find(candidate => candidate.type === choice.type);
	const identity = {
		...base,
		backend: choice.backend,
		...(source?.type === undefined ? {} : { type: source.type!, name: source.name! }),
	};
	if (isPmuOff(settings)) {
		const by = settings.cpuPmu === false ? '-cpu pmu=off' : `machine type ${settings.machine}`;
		because.push(`${by} takes the PMU away from the guest, whatever the backend`);
		return {
			...identity,
			guestHasPmu: false,
			cpuPmuProperty: false,
			traceLines: traced ? scratchLines : 0,
			events: [],
			counting: countingWithout(host),
			...rest(),
		};
	}
	return {
		...identity,
		guestHasPmu: true,
		cpuPmuProperty: true,
		traceLines: traced ? scratchLines + (settings.vcpus ?? 1) : 0,
		events: choice.backend === 'fixed-counters-only' ? fixedEvents(host, because) : 'host',
		counting:
			choice.backend === 'default'
				? countingOnDefault(host, fallback)
				: choice.backend === 'event-source'
					? countingOnSource(host, choice.type!)
					: countingOnFixedCounters(host),
		...rest(),
	};
}

/**
 * Events of a guest with the fixed counters alone. Linux offers `cycles` only where PMCEID0 lists CPU_CYCLES
 * (drivers/perf/arm_pmuv3.c, __armv8_pmuv3_map_event); a raw event needs no listing.
 */
function fixedEvents({ facts }: HostModel, because: string[]): readonly string[] {
	const { fixedCounters } = facts.kvm;
	if (fixedCounters === undefined || 'unknown' in fixedCounters || fixedCounters.cyclesListed) return ['cycles', 'r11'];
	because.push('PMCEID0 of such a vCPU lists no CPU_CYCLES, so a Linux guest has no event cycles; raw r11 counts');
	return ['r11'];
}

/** The event by which a guest's cycles are counted: `cycles`, or `r11` where Linux offers nothing else. */
export function cyclesEvent({ events }: Pick<Prediction, 'events'>): 'cycles' | 'r11' {
	return events !== 'host' && !events.includes('cycles') && events.includes('r11') ? 'r11' : 'cycles';
}

/** Lists where the posted code's result differs from the description, with the finding that explains it. */
function disagreements(host: HostModel, settings: PmuSettings, choice: Choice): Prediction['disagreements'] {
	const found: { finding: FindingId | 'unexplained'; code: string }[] = [];
	for (const outcome of choice.posted) {
		const same =
			outcome.backend === choice.backend && (outcome.backend !== 'event-source' || outcome.type === choice.type);
		const refused = outcome.backend === 'event-source' && !kvmTakes(host, outcome.type!);
		if (choice.rule === 'explicit-refused') continue;
		if (choice.rule === 'explicit-unused')
			found.push({ finding: 'F12', code: 'is still set on a scratch vCPU, which fails' });
		else if (outcome.finding !== undefined) found.push({ finding: outcome.finding, code: describePosted(outcome) });
		else if (!same) {
			found.push(
				refused
					? { finding: 'F3', code: `${describePosted(outcome)}, which KVM refuses` }
					: { finding: 'unexplained', code: describePosted(outcome) },
			);
		}
		if (outcome.backend !== 'none' || choice.backend === 'error') continue;
		if (!isHostModel(settings) && settings.cpuPmu !== false) found.push({ finding: 'F9', code: 'fails to start' });
		if (isHostModel(settings) && settings.cpuPmu === false) found.push({ finding: 'F8', code: 'refuses pmu=off' });
	}
	return found;
}

/** Predicts that QEMU refuses to start. */
export function failed(
	settings: PmuSettings,
	rule: string,
	error: string | undefined,
	because: readonly string[],
): Prediction {
	return {
		...settled(settings),
		backend: 'error',
		rule,
		...(error === undefined ? {} : { error }),
		guestHasPmu: false,
		cpuPmuProperty: 'absent',
		traceLines: 0,
		events: [],
		counting: {},
		because,
		disagreements: [],
	};
}

/** What follows from the settings alone. */
export const settled = (settings: PmuSettings) => ({
	accel: settings.accel ?? ('kvm' as const),
	traceEvents: settings.qemu.hasPmuChoice,
});

const onOff = (settings: PmuSettings) => (settings.cpuPmu === true ? 'on' : 'off');
