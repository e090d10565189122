import type { HostFacts, PmuSettings, Prediction } from '../facts.ts';
import type { FindingId } from '../findings.ts';
import { type HostModel, hostModel, kvmTakes } from '../model/host-model.ts';
import { failed, withCpuProperty } from './apply.ts';
import { type Choice, chooseBackend } from './choice.ts';
import { kvmDefault } from './kvm-default.ts';
import { isHostModel, noPropertyText, refusalText } from './option.ts';
import type { PostedOutcome } from './posted.ts';
import { predictBackend } from './predict.ts';

/** One possible result of a start with the posted code, with the finding that it shows if it differs from the description. */
export type PostedStart =
	| { readonly ends: true; readonly findings: readonly FindingId[] }
	| { readonly ends: false; readonly prediction: Prediction; readonly findings: readonly FindingId[] };

/**
 * Predicts the possible results of a QEMU start with the posted code, including its bugs. There are several if the result depends
 * on directory order or the start CPU. Together with `predictBackend` it separates expected differences from unexplained ones.
 */
export function postedStarts(facts: HostFacts, settings: PmuSettings): readonly PostedStart[] {
	const specified = predictBackend(facts, settings);
	const same = [{ ends: false, prediction: specified, findings: [] }] as const;
	if (!settings.qemu.hasPmuChoice || settings.accel === 'tcg' || specified.rule === 'no-kvm') return same;
	const host = hostModel(facts);
	const choice = chooseBackend(host, settings);
	if (choice.rule === 'bad-option') return same;
	const known = specified.disagreements.map(({ finding }) => finding as FindingId);
	return choice.posted.map((outcome): PostedStart => {
		if (outcome.backend === 'ends') return { ends: true, findings: [outcome.finding!] };
		const prediction = startOf(host, settings, outcome, outcome.backend);
		const differs = prediction.backend !== specified.backend || prediction.type !== specified.type;
		return { ends: false, prediction, findings: differs ? known : [] };
	});
}

/** Determines the result of a choice made by the posted code. */
function startOf(
	host: HostModel,
	settings: PmuSettings,
	outcome: PostedOutcome,
	backend: Choice['backend'],
): Prediction {
	const rule = `posted-${backend}`;
	const hostModel = isHostModel(settings);
	if (backend === 'none') {
		if (hostModel && settings.cpuPmu !== undefined) {
			return failed(settings, rule, noPropertyText(settings), []);
		}
		if (!hostModel && settings.cpuPmu !== false) return failed(settings, rule, 'kvm_arch_init_vcpu failed', []);
	} else {
		const { kvm } = host.facts;
		const { initFails } = kvmDefault(host, settings.affinity);
		const unset = backend === 'event-source' && (kvm.setPmu === 'no' || !kvmTakes(host, outcome.type!));
		const unmade = kvm.pmuV3 === 'no' || kvm.scratchVcpu === 'no' || initFails;
		// The scratch vCPU of host and max is made and gets the event source even if the guest has no PMU.
		if (unset || unmade) return failed(settings, rule, refusalText(settings), []);
	}
	return withCpuProperty(host, settings, {
		backend,
		...(outcome.type === undefined ? {} : { type: outcome.type }),
		rule,
		because: [],
		considered: [],
		posted: [],
	});
}
