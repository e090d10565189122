import type { Backend, PmuSettings } from '../facts.ts';
import { findings } from '../findings.ts';
import { type HostModel, kvmTakes } from '../model/host-model.ts';
import { type ChoiceInputs, type Considered, readInputs } from './inputs.ts';
import { refusalText, unset } from './option.ts';
import { type PostedOutcome, postedOutcomes } from './posted.ts';

/** The decision of a rule. */
export interface Decision {
	readonly backend: Backend;
	readonly type?: number;
	/** The rule's name, if it differs from the one in the table. */
	readonly rule?: string;
	readonly error?: string;
	/** The reason, as a sentence. */
	readonly why: string;
}

/** The choice before the CPU's `pmu` property is applied. */
export interface Choice extends Omit<Decision, 'why'> {
	readonly rule: string;
	readonly because: readonly string[];
	readonly considered: readonly Considered[];
	/** Different outcomes of the posted code, each with its finding. */
	readonly posted: readonly PostedOutcome[];
}

/** One rule of the choice: returns its decision, or undefined if it does not apply. */
export interface ChoiceRule {
	readonly name: string;
	readonly decide: (inputs: ChoiceInputs) => Decision | undefined;
	/** Whether the search for an event source has already been made, and belongs to the explanation. */
	readonly afterSearch?: boolean;
}

/**
 * The patch's description as a table; the first rule that applies decides. Order: the user's own choice; KVM's default for old
 * machine types; an event source that covers all host CPUs; the fixed-counters-only PMU; none.
 */
export const choiceRules: readonly ChoiceRule[] = [
	{
		name: 'bad-option',
		decide: ({ option }) =>
			option.given === 'malformed'
				? {
						backend: 'error',
						error: 'expects uint64',
						why: `pmu=${option.text} is not a 64-bit integer, so QEMU refuses the option`,
					}
				: undefined,
	},
	{
		name: 'out-of-range',
		decide: ({ option }) =>
			option.given === 'out-of-range'
				? {
						backend: 'error',
						why: `pmu=${option.text} names an event source, but types range from 0 to ${2 ** 32 - 1}: it must be refused`,
					}
				: undefined,
	},
	{
		name: 'explicit',
		decide: inputs => (inputs.option.given === 'type' ? explicit(inputs, inputs.option.type) : undefined),
	},
	{
		name: 'no-kvm-pmu',
		decide: ({ pmuV3 }) =>
			pmuV3 ? undefined : { backend: 'none', why: 'KVM offers no PMU here (KVM_CAP_ARM_PMU_V3 is 0)' },
	},
	{
		name: 'backcompat',
		decide: ({ backcompat, settings }) =>
			backcompat
				? {
						backend: 'default',
						why: `backcompat-pmu is on, so ${settings.machine} keeps KVM's default, which may or may not count`,
					}
				: undefined,
	},
	{
		name: 'no-scratch-vcpu',
		decide: ({ scratchVcpu }) =>
			scratchVcpu
				? undefined
				: { backend: 'none', why: 'KVM cannot make a vCPU with a PMU on the CPU on which QEMU starts' },
	},
	{
		name: 'covers-all-default',
		afterSearch: true,
		decide: ({ covering: [first], setPmu, possible }) =>
			first !== undefined && !setPmu
				? {
						backend: 'default',
						why: `${first.name} covers all CPUs (${possible}); this KVM cannot be told which one to use, but it is the only one`,
					}
				: undefined,
	},
	{
		name: 'covers-all',
		afterSearch: true,
		decide: ({ covering: [first], setPmu, possible }) =>
			first !== undefined && setPmu
				? { backend: 'event-source', type: first.type!, why: `${first.name} covers all CPUs (${possible})` }
				: undefined,
	},
	{
		name: 'fixed-counters-only',
		afterSearch: true,
		decide: ({ attribute5 }) =>
			attribute5
				? {
						backend: 'fixed-counters-only',
						why: 'KVM has vCPU PMU attribute 5, which the patch treats as FIXED_COUNTERS_ONLY (another posted series gives 5 another meaning)',
					}
				: undefined,
	},
	{
		name: 'no-cover',
		afterSearch: true,
		decide: () => ({
			backend: 'none',
			why: 'no event source covers all CPUs and KVM has no fixed-counters-only PMU, so the PMU is disabled',
		}),
	},
];

/** Returns the event source that the user named. */
function explicit(inputs: ChoiceInputs, type: number): Decision {
	const { host, settings, setPmu } = inputs;
	const source = host.sources.find(candidate => candidate.type === type);
	const made = inputs.pmuV3 && inputs.scratchVcpu;
	if (made && setPmu && kvmTakes(host, type)) {
		const called = source === undefined ? 'an event source that KVM knows and sysfs does not list' : source.name;
		return { backend: 'event-source', type, why: `pmu=${settings.pmu} names ${called}` };
	}
	const problem = !made
		? 'KVM makes no vCPU with a PMU here'
		: !setPmu
			? 'this KVM cannot be told which event source to use (no SET_PMU)'
			: source === undefined
				? `no event source of this host has type ${type}`
				: `${source.name} (type ${type}) is not one that KVM can back a guest's PMU with`;
	if (settings.cpuPmu === false) {
		const why = `${problem}, but with pmu=off on the CPU it is never set`;
		return { backend: 'event-source', rule: 'explicit-unused', type, why };
	}
	const why = `${problem}, so KVM refuses it and QEMU cannot start`;
	return { backend: 'error', rule: 'explicit-refused', type, error: refusalText(settings), why };
}

/** Returns the decision of the first rule that applies, with the rule. @throws Error if none applies */
export function decideBy(rules: readonly ChoiceRule[], inputs: ChoiceInputs): { rule: ChoiceRule; decision: Decision } {
	for (const rule of rules) {
		const decision = rule.decide(inputs);
		if (decision !== undefined) return { rule, decision };
	}
	throw new Error('no rule of the choice applies');
}

/** Returns the backend that a QEMU with the choice must take according to the patch's description. */
export function chooseBackend(host: HostModel, settings: PmuSettings): Choice {
	const inputs = readInputs(host, settings);
	const { rule, decision } = decideBy(choiceRules, inputs);
	const { why, ...rest } = decision;
	const { afterSearch = false } = rule;
	return {
		rule: rule.name,
		...rest,
		because: [...inputs.because, ...(afterSearch ? inputs.search : []), why],
		considered: afterSearch ? inputs.considered : [],
		posted: postedBy(inputs),
	};
}

function postedBy(inputs: ChoiceInputs): readonly PostedOutcome[] {
	const { option } = inputs;
	if (option.given === 'malformed') return [];
	const pmu = option.given === 'no' ? unset : option.given === 'type' ? BigInt(option.type) : option.value;
	const outcomes = postedOutcomes({ ...inputs, pmu });
	const found = option.given === 'out-of-range' ? ({ finding: 'F2' } as const) : {};
	if (!inputs.scratchMayFail) return outcomes.map(outcome => ({ ...outcome, ...found }));
	const unlucky = postedOutcomes({ ...inputs, pmu, scratchVcpu: false });
	const differ = unlucky.filter(({ backend }) => outcomes.every(outcome => outcome.backend !== backend));
	return [...outcomes, ...differ.map(outcome => ({ ...outcome, finding: 'F14' as const }))].map(outcome => ({
		...outcome,
		...found,
	}));
}

/** Describes one outcome of the posted code in a sentence. */
export function describePosted(outcome: PostedOutcome): string {
	const what = {
		'event-source': `takes event source type ${outcome.type}`,
		default: "leaves KVM's default",
		'fixed-counters-only': 'takes the fixed-counters-only PMU',
		none: 'disables the PMU',
		ends: 'ends QEMU',
	}[outcome.backend];
	return outcome.finding === undefined ? what : `${what}: ${findings[outcome.finding]}`;
}
