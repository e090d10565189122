import { type Choice, chooseBackend, describePosted, isHostModel } from './choice.ts';
import {
	countingEmulated,
	countingOnDefault,
	countingOnFixedCounters,
	countingOnSource,
	countingWithout,
} from './counting.ts';
import type { HostFacts, PmuSettings, Prediction } from './facts.ts';
import type { FindingId } from './findings.ts';
import { kvmDefault } from './kvm-default.ts';
import { compatibleSources, decide, readSources } from './sources.ts';

/**
 * Says which PMU backend a guest must get on a host with these facts, by which rule, and on which host CPUs it counts.
 * For a QEMU with the choice the specification is the description of the patch ("Choose PMU backend", RFC v3): where the
 * posted code does otherwise, that is in `disagreements`. For one without, it is what KVM does by default.
 *
 * Pure; facts that are odd, malformed or unknown are explained in `because` and never thrown about.
 */
export function predictBackend(facts: HostFacts, settings: PmuSettings): Prediction {
	if (settings.accel === 'tcg') return predictEmulated(facts, settings);
	const because: string[] = [];
	if (!decide('KVM can be used', facts.kvm.usable, true, because)) {
		return failed('no-kvm', 'Could not access KVM kernel module', [...because, '/dev/kvm cannot be used on this host']);
	}
	const misplaced = misplacedOption(settings, 'kvm-accel');
	if (misplaced !== undefined) return misplaced;
	const choice = settings.qemu.hasPmuChoice ? chooseBackend(facts, settings) : stockChoice(facts);
	return withCpuProperty(facts, settings, { ...choice, because: [...because, ...choice.because] });
}

/** QEMU without the choice: the PMU is there when KVM has one, and KVM takes its default event source. */
function stockChoice(facts: HostFacts): Choice {
	const because: string[] = [];
	const anyPmu = readSources(facts).some(source => source.compatible);
	if (!decide('KVM has a PMU', facts.kvm.pmuV3, anyPmu, because)) {
		because.push('KVM offers no PMU here (KVM_CAP_ARM_PMU_V3 is 0)');
		return { backend: 'none', rule: 'no-kvm-pmu', because, posted: [] };
	}
	because.push("this QEMU has no choice of PMU backends, so KVM's default is what the guest gets");
	return { backend: 'default', rule: 'kvm-default', because, posted: [] };
}

/** Applies `-cpu ...,pmu=` to what was chosen, and works out where it counts. */
function withCpuProperty(facts: HostFacts, settings: PmuSettings, choice: Choice): Prediction {
	if (choice.backend === 'error') {
		return {
			...failed(choice.rule, choice.error, choice.because),
			disagreements: disagreements(facts, settings, choice),
		};
	}
	const hostModel = isHostModel(settings);
	const scratchLines = hostModel && settings.qemu.hasPmuChoice ? 1 : 0;
	const traced = choice.backend === 'event-source' || choice.backend === 'fixed-counters-only';
	const base = { rule: choice.rule, ...(choice.type === undefined ? {} : { type: choice.type }) };
	const because = [...choice.because];
	const rest = () => ({ because, disagreements: disagreements(facts, settings, choice) });

	if (choice.backend === 'none') {
		const model = settings.cpu ?? 'host';
		const wanted = settings.cpuPmu === true || (settings.cpuPmu === false && !settings.qemu.hasPmuChoice);
		if (hostModel && wanted) {
			because.push(
				`QEMU does not register the property pmu of the CPU where there is no PMU, so pmu=${onOff(settings)} is refused`,
			);
			return {
				...failed(choice.rule, `Property '${model}-arm-cpu.pmu' not found`, because),
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
			counting: countingWithout(facts),
			...rest(),
		};
	}

	const fallback = kvmDefault(facts, settings.affinity);
	if (choice.backend === 'default') {
		because.push(...fallback.because);
		if (fallback.initFails) {
			because.push('no vCPU with a PMU can be made on the CPUs that QEMU may start on');
			return failed(choice.rule, hostModel ? 'Failed to retrieve host CPU features' : undefined, because);
		}
	}
	const source =
		choice.backend === 'default' && fallback.candidates.length === 1
			? fallback.candidates[0]
			: compatibleSources(facts).find(candidate => candidate.type === choice.type);
	const identity = {
		...base,
		backend: choice.backend,
		...(source === undefined ? {} : { type: source.type, name: source.name }),
	};
	if (settings.cpuPmu === false) {
		because.push('-cpu pmu=off takes the PMU away from the guest, whatever the backend');
		return {
			...identity,
			guestHasPmu: false,
			cpuPmuProperty: false,
			traceLines: traced ? scratchLines : 0,
			events: [],
			counting: countingWithout(facts),
			...rest(),
		};
	}
	return {
		...identity,
		guestHasPmu: true,
		cpuPmuProperty: true,
		traceLines: traced ? scratchLines + (settings.vcpus ?? 1) : 0,
		events: choice.backend === 'fixed-counters-only' ? ['cycles'] : 'host',
		counting:
			choice.backend === 'default'
				? countingOnDefault(facts, fallback)
				: choice.backend === 'event-source'
					? countingOnSource(facts, choice.type!)
					: countingOnFixedCounters(facts),
		...rest(),
	};
}

/** Where the posted code comes to something else than the description says, with the finding that explains it. */
function disagreements(facts: HostFacts, settings: PmuSettings, choice: Choice): Prediction['disagreements'] {
	const found: { finding: FindingId | 'unexplained'; code: string }[] = [];
	for (const outcome of choice.posted) {
		const same =
			outcome.backend === choice.backend && (outcome.backend !== 'event-source' || outcome.type === choice.type);
		const answer = outcome.type === undefined ? undefined : facts.kvm.setPmuTypes?.[String(outcome.type)];
		const refused = outcome.backend === 'event-source' && answer !== undefined && answer !== 'ok';
		if (choice.rule === 'explicit-refused') continue;
		if (choice.rule === 'explicit-unused')
			found.push({ finding: 'F12', code: 'sets it on a scratch vCPU all the same, and fails' });
		else if (outcome.finding !== undefined) found.push({ finding: outcome.finding, code: describePosted(outcome) });
		else if (!same && refused) found.push({ finding: 'F3', code: `${describePosted(outcome)}, which KVM refuses` });
		else if (!same) found.push({ finding: 'unexplained', code: describePosted(outcome) });
		if (outcome.backend !== 'none' || choice.backend === 'error') continue;
		if (!isHostModel(settings) && settings.cpuPmu !== false) found.push({ finding: 'F9', code: 'fails to start' });
		if (isHostModel(settings) && settings.cpuPmu === false) found.push({ finding: 'F8', code: 'refuses pmu=off' });
	}
	return found;
}

/** The emulator has a PMU of its own for each CPU model of ARMv7 and later; KVM and the host have no part in it. */
function predictEmulated(facts: HostFacts, settings: PmuSettings): Prediction {
	const misplaced = misplacedOption({ ...settings, qemu: { ...settings.qemu, hasPmuChoice: false } }, 'tcg-accel');
	if (misplaced !== undefined) return misplaced;
	const cpu = settings.cpu ?? 'max';
	if (cpu === 'host') {
		return failed('tcg', undefined, [
			'the CPU model host is that of the machine itself, which an emulator does not have',
		]);
	}
	const hasPmu = !/^(arm|sa1|pxa|ti925t|cortex-(a8|a9|m)|.*-m(0|3|33|4|55|7)\b)/.test(cpu);
	const base = { traceLines: 0, disagreements: [] };
	if (!hasPmu || settings.cpuPmu === false) {
		return {
			...base,
			backend: 'none',
			rule: hasPmu ? 'tcg-pmu-off' : 'tcg-no-pmu',
			guestHasPmu: false,
			cpuPmuProperty: hasPmu ? false : 'absent',
			events: [],
			counting: countingWithout(facts),
			because: [hasPmu ? '-cpu pmu=off takes the PMU away from the guest' : `CPU model ${cpu} has no PMU`],
		};
	}
	const icount = settings.icountShift !== undefined;
	return {
		...base,
		backend: 'default',
		rule: 'tcg',
		guestHasPmu: true,
		cpuPmuProperty: true,
		events: icount ? ['cycles', 'instructions'] : ['cycles'],
		counting: countingEmulated(facts),
		because: [
			`QEMU emulates the PMU of ${cpu}: cycles are its virtual time at 1 GHz`,
			icount
				? `-icount shift=${settings.icountShift} lets it count instructions`
				: 'instructions count only with -icount shift=N',
		],
	};
}

/** Options of the choice on an accelerator that does not have them. */
function misplacedOption(settings: PmuSettings, accelerator: string): Prediction | undefined {
	if (settings.qemu.hasPmuChoice) return undefined;
	const option =
		settings.pmu !== undefined ? 'pmu' : settings.backcompatPmu !== undefined ? 'backcompat-pmu' : undefined;
	if (option === undefined) return undefined;
	return failed('bad-option', `Property '${accelerator}.${option}' not found`, [
		`option ${option} of -accel was given, which ${accelerator} of this QEMU does not have`,
	]);
}

function failed(rule: string, error: string | undefined, because: readonly string[]): Prediction {
	return {
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

const onOff = (settings: PmuSettings) => (settings.cpuPmu === true ? 'on' : 'off');
