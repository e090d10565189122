import type { HostFacts, PmuSettings, Prediction } from '../facts.ts';
import { type HostModel, hostModel } from '../model/host-model.ts';
import { failed, settled, withCpuProperty } from './apply.ts';
import { type Choice, chooseBackend } from './choice.ts';
import { countingEmulated, countingWithout } from './counting.ts';
import { decide } from './inputs.ts';
import { isPmuOff } from './option.ts';

/**
 * Predicts which PMU backend a guest must get on a host with these facts, by which rule, and on which host CPUs it counts.
 * For a QEMU with the choice, the specification is the patch's description ("Choose PMU backend", RFC v3); differences of the
 * posted code are listed in `disagreements`. For a QEMU without the choice, it is KVM's default behaviour.
 *
 * Pure. Odd, malformed or unknown facts are explained in `because`; they never cause an exception.
 */
export function predictBackend(facts: HostFacts, settings: PmuSettings): Prediction {
	const host = hostModel(facts);
	if (settings.accel === 'tcg') return predictEmulated(host, settings);
	const because: string[] = [];
	if (!decide('KVM can be used', facts.kvm.usable, true, because)) {
		return failed(settings, 'no-kvm', 'Could not access KVM kernel module', [
			...because,
			'/dev/kvm cannot be used on this host',
		]);
	}
	const misplaced = settings.qemu.hasPmuChoice ? undefined : misplacedOption(settings, 'kvm-accel');
	if (misplaced !== undefined) return misplaced;
	const choice = settings.qemu.hasPmuChoice ? chooseBackend(host, settings) : stockChoice(host);
	return withCpuProperty(host, settings, { ...choice, because: [...because, ...choice.because] });
}

/** A QEMU without the choice: the guest has a PMU if KVM has one, and KVM takes its default event source. */
function stockChoice({ facts, sources }: HostModel): Choice {
	const because: string[] = [];
	const anyPmu = sources.some(source => source.compatible);
	if (!decide('KVM has a PMU', facts.kvm.pmuV3, anyPmu, because)) {
		because.push('KVM offers no PMU here (KVM_CAP_ARM_PMU_V3 is 0)');
		return { backend: 'none', rule: 'no-kvm-pmu', because, considered: [], posted: [] };
	}
	because.push("this QEMU has no choice of PMU backends, so KVM's default is what the guest gets");
	return { backend: 'default', rule: 'kvm-default', because, considered: [], posted: [] };
}

/** The emulator has its own PMU for each CPU model of ARMv7 and later, independent of KVM and the host. */
function predictEmulated(host: HostModel, settings: PmuSettings): Prediction {
	const misplaced = misplacedOption(settings, 'tcg-accel');
	if (misplaced !== undefined) return misplaced;
	const cpu = settings.cpu ?? 'max';
	if (cpu === 'host') {
		// Builds with KVM: "The 'host' CPU type can only be used with KVM or HVF"; others do not know the model.
		return failed(settings, 'tcg', "'host'", [
			'the CPU model host is that of the machine itself, which an emulator does not have',
		]);
	}
	const hasPmu = !/^(arm|sa1|pxa|ti925t|cortex-(a8|a9|m)|.*-m(0|3|33|4|55|7)\b)/.test(cpu);
	const base = { ...settled(settings), traceLines: 0, disagreements: [] };
	if (!hasPmu || isPmuOff(settings)) {
		return {
			...base,
			backend: 'none',
			rule: hasPmu ? 'tcg-pmu-off' : 'tcg-no-pmu',
			guestHasPmu: false,
			cpuPmuProperty: hasPmu ? false : 'absent',
			events: [],
			counting: countingWithout(host),
			because: [
				hasPmu
					? 'the guest has no PMU: pmu=off on the CPU, or a machine type that turns it off'
					: `CPU model ${cpu} has no PMU`,
			],
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
		counting: countingEmulated(host),
		because: [
			`QEMU emulates the PMU of ${cpu}: cycles are its virtual time at 1 GHz`,
			icount
				? `-icount shift=${settings.icountShift} lets it count instructions`
				: 'instructions count only with -icount shift=N',
		],
	};
}

/** Options of the choice, used with an accelerator that does not support them. */
function misplacedOption(settings: PmuSettings, accelerator: string): Prediction | undefined {
	const option =
		settings.pmu !== undefined ? 'pmu' : settings.backcompatPmu !== undefined ? 'backcompat-pmu' : undefined;
	if (option === undefined) return undefined;
	return failed(settings, 'bad-option', `Property '${accelerator}.${option}' not found`, [
		`option ${option} of -accel was given, which ${accelerator} of this QEMU does not have`,
	]);
}
