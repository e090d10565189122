import { machineVersion } from '../../lib/machine-type.ts';
import { parseCpuListAsPatch } from '../cpu-list.ts';
import type { Backend, HostFacts, PmuSettings } from '../facts.ts';
import { findings } from '../findings.ts';
import { kvmDefault } from './kvm-default.ts';
import { byBytes, type PostedOutcome, postedOutcomes } from './posted.ts';
import { decide, firstLine, kernelAtLeast, kvmTakes, largestType, type ReadSource, readSources } from './sources.ts';

/** What was chosen, before the CPU's own `pmu` property has its say. */
export interface Choice {
	readonly backend: Backend;
	readonly type?: number;
	readonly rule: string;
	readonly error?: string;
	readonly because: readonly string[];
	/** What the posted code comes to instead, each time with the finding. */
	readonly posted: readonly PostedOutcome[];
}

/** The user's `pmu` as QEMU's integer reader takes it: base 0, a minus sign wraps; undefined for what it refuses. */
export function readPmuOption(text: string): { value: bigint; negative: boolean } | undefined {
	const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
	if (match === null) return undefined;
	const digits = match[2]!;
	const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
	if (magnitude > 2n ** 64n - 1n) return undefined;
	const negative = match[1] === '-' && magnitude !== 0n;
	return { value: negative ? BigInt.asUintN(64, -magnitude) : magnitude, negative };
}

/** The value that stands for "not given". */
const unset = 2n ** 64n - 1n;

/**
 * Which backend QEMU with the choice must take, by the patch's description: the event source that the user names; on
 * old machine types KVM's default; an event source that covers all host CPUs; the fixed-counters-only PMU; none.
 */
export function chooseBackend(facts: HostFacts, settings: PmuSettings): Choice {
	const because: string[] = [];
	const option = settings.pmu === undefined ? undefined : readPmuOption(settings.pmu);
	const backcompat = backcompatOf(settings, because);
	const answers = kvmAnswers(facts, settings, because);
	const posted =
		option === undefined && settings.pmu !== undefined ? [] : postedBy(facts, option?.value, backcompat, answers);
	const chosen = (backend: Backend, rule: string, sentence: string, more: { type?: number; error?: string } = {}) => ({
		backend,
		rule,
		...more,
		because: [...because, sentence],
		posted,
	});

	if (settings.pmu !== undefined) {
		if (option === undefined) {
			const sentence = `pmu=${settings.pmu} is not a 64-bit integer, so QEMU refuses the option`;
			return chosen('error', 'bad-option', sentence, { error: 'expects uint64' });
		}
		if (option.negative || (option.value > largestType && option.value !== unset)) {
			const sentence = `pmu=${settings.pmu} names an event source, but no type is outside 0 to ${largestType}: it must be refused`;
			// -1 wraps to the very value that stands for "not given"; the others are beyond what a type can be.
			const found = { finding: 'F2' } as const;
			return {
				...chosen('error', 'out-of-range', sentence),
				posted: posted.map(outcome => ({ ...outcome, ...found })),
			};
		}
		if (option.value !== unset) return explicit(facts, settings, answers, Number(option.value), chosen);
	}
	if (!answers.pmuV3) return chosen('none', 'no-kvm-pmu', 'KVM offers no PMU here (KVM_CAP_ARM_PMU_V3 is 0)');
	if (backcompat) {
		return chosen(
			'default',
			'backcompat',
			`backcompat-pmu is on, so ${settings.machine} keeps KVM's default, which may or may not count`,
		);
	}
	if (!answers.scratchVcpu) {
		return chosen('none', 'no-scratch-vcpu', 'KVM makes no vCPU with a PMU on the CPU that QEMU starts on');
	}
	return covering(facts, answers, because, chosen);
}

type Chosen = (backend: Backend, rule: string, sentence: string, more?: { type?: number; error?: string }) => Choice;

function explicit(facts: HostFacts, settings: PmuSettings, answers: KvmAnswers, type: number, chosen: Chosen): Choice {
	const source = readSources(facts).find(candidate => candidate.type === type);
	const made = answers.pmuV3 && answers.scratchVcpu;
	if (made && answers.setPmu && kvmTakes(facts, type)) {
		const called = source === undefined ? 'an event source that KVM knows and sysfs does not list' : source.name;
		return chosen('event-source', 'explicit', `pmu=${settings.pmu} names ${called}`, { type });
	}
	const why = !made
		? 'KVM makes no vCPU with a PMU here'
		: !answers.setPmu
			? 'this KVM cannot be told which event source to use (no SET_PMU)'
			: source === undefined
				? `no event source of this host has type ${type}`
				: `${source.name} (type ${type}) is not one that KVM can back a guest's PMU with`;
	if (settings.cpuPmu === false) {
		return chosen('event-source', 'explicit-unused', `${why}, but with pmu=off on the CPU it is never set`, { type });
	}
	return chosen('error', 'explicit-refused', `${why}, so KVM refuses it and QEMU cannot start`, {
		type,
		error: refusalText(settings),
	});
}

function covering(facts: HostFacts, answers: KvmAnswers, because: string[], chosen: Chosen): Choice {
	const line = firstLine(facts.cpus.possible);
	const reading = line === undefined ? undefined : parseCpuListAsPatch(line);
	const possible = reading !== undefined && 'cpus' in reading ? reading.cpus : undefined;
	if (possible === undefined || possible.size === 0) {
		because.push(
			`which CPUs are possible cannot be read (${'error' in facts.cpus.possible ? facts.cpus.possible.error : JSON.stringify(facts.cpus.possible.text)}), so no event source is known to cover them all`,
		);
	} else if ('error' in facts.eventSources) {
		because.push(`event sources cannot be listed (${facts.eventSources.error})`);
	} else {
		const candidates: ReadSource[] = [];
		for (const source of readSources(facts)) {
			const missing = source.cpus === undefined ? undefined : possible.minus(source.cpus);
			// Without SET_PMU there is no choosing: what matters is only that KVM's one PMU covers all.
			const problem = answers.setPmu || source.cpus === undefined ? source.problem : undefined;
			if (problem !== undefined) because.push(`${source.name} is not taken: ${problem}`);
			else if (missing!.size > 0) because.push(`${source.name} is not taken: it does not cover CPU ${missing}`);
			else candidates.push(source);
		}
		if (candidates.length > 0 && !answers.setPmu) {
			return chosen(
				'default',
				'covers-all-default',
				`${candidates[0]!.name} covers all CPUs (${possible}); this KVM cannot be told which to use, but then it is its only one`,
			);
		}
		candidates.sort((a, b) => byBytes(a.link!, b.link!));
		const [first, ...others] = candidates;
		if (first !== undefined) {
			for (const other of others)
				because.push(`${other.name} covers all CPUs too, but ${other.link} sorts after ${first.link}`);
			return chosen('event-source', 'covers-all', `${first.name} covers all CPUs (${possible})`, { type: first.type! });
		}
	}
	if (answers.attribute5) {
		return chosen(
			'fixed-counters-only',
			'fixed-counters-only',
			'KVM has vCPU PMU attribute 5, which the patch takes for FIXED_COUNTERS_ONLY (another posted series gives 5 another meaning)',
		);
	}
	return chosen(
		'none',
		'no-cover',
		'no event source covers all CPUs and KVM has no fixed-counters-only PMU, so the PMU is disabled',
	);
}

interface KvmAnswers {
	readonly pmuV3: boolean;
	readonly scratchVcpu: boolean;
	/** Whether the CPU that QEMU happens to start on decides that. */
	readonly scratchMayFail: boolean;
	readonly setPmu: boolean;
	readonly attribute5: boolean;
}

function kvmAnswers(facts: HostFacts, settings: PmuSettings, because: string[]): KvmAnswers {
	const { kvm } = facts;
	const anyPmu = readSources(facts).some(source => source.compatible);
	const pmuV3 = decide('KVM has a PMU', kvm.pmuV3, anyPmu, because);
	const { initFails, initMayFail } = kvmDefault(facts, settings.affinity);
	return {
		pmuV3,
		setPmu: decide('KVM has SET_PMU', kvm.setPmu, kernelAtLeast(facts, 5, 18) ?? true, because),
		attribute5: decide('KVM has vCPU PMU attribute 5', kvm.attribute5, false, because),
		scratchVcpu: kvm.scratchVcpu === 'no' && kvm.vcpuInitCpus === undefined ? false : !initFails,
		scratchMayFail: initMayFail,
	};
}

function postedBy(
	facts: HostFacts,
	pmu: bigint | undefined,
	backcompat: boolean,
	answers: KvmAnswers,
): readonly PostedOutcome[] {
	const outcomes = postedOutcomes({ facts, pmu, backcompat, ...answers });
	if (!answers.scratchVcpu || !answers.scratchMayFail) return outcomes;
	const unlucky = postedOutcomes({ facts, pmu, backcompat, ...answers, scratchVcpu: false });
	const differ = unlucky.filter(({ backend }) => outcomes.every(outcome => outcome.backend !== backend));
	return [...outcomes, ...differ.map(outcome => ({ ...outcome, finding: 'F14' as const }))];
}

/** `backcompat-pmu` in force: the user's, else the machine type's, else by its version. */
function backcompatOf(settings: PmuSettings, because: string[]): boolean {
	if (settings.backcompatPmu !== undefined) {
		because.push(`backcompat-pmu=${settings.backcompatPmu ? 'on' : 'off'} was given`);
		return settings.backcompatPmu;
	}
	if (settings.qemu.machineBackcompatPmu !== undefined) return settings.qemu.machineBackcompatPmu;
	const machine = machineVersion(settings.machine);
	if (machine === undefined) return false;
	if (machine.upstream === undefined) {
		because.push(
			`${settings.machine} is a versioned machine type of a distribution: whether it is older than this choice is not known from its name (its compat properties were not asked); taken as old, since a versioned machine type keeps its PMU`,
		);
		return true;
	}
	const version = /^(\d+)\.(\d+)/.exec(settings.qemu.version ?? '');
	// The patch puts the property into the newest array of the release that it lands in: at the latest that of 10.2.
	const [major, minor] =
		version === null || Number(version[1]) >= 11 ? [11, 0] : [Number(version[1]), Number(version[2])];
	const old = machine.upstream[0] < major || (machine.upstream[0] === major && machine.upstream[1] < minor);
	because.push(
		`${settings.machine} is ${old ? 'an old' : 'a new'} machine type for this choice (going by its version; its compat properties were not asked)`,
	);
	return old;
}

/**
 * What QEMU says when a vCPU with this choice cannot be made. The scratch vCPU of host and max fails first, and then they
 * have no property pmu, which is said first where it was given; other models fail when their own vCPU is made.
 */
export function refusalText(settings: PmuSettings): string {
	if (!isHostModel(settings)) return 'kvm_arch_init_vcpu failed';
	return settings.cpuPmu === undefined ? 'Failed to retrieve host CPU features' : noPropertyText(settings);
}

/** What QEMU says to `-cpu ...,pmu=` for a CPU that was left without the property. */
export function noPropertyText(settings: PmuSettings): string {
	return `Property '${settings.cpu ?? 'host'}-arm-cpu.pmu' not found`;
}

/** `host` and `max` ask a scratch vCPU for its features before any vCPU of the guest is made. */
export function isHostModel(settings: PmuSettings): boolean {
	return settings.cpu === undefined || settings.cpu === 'host' || settings.cpu === 'max';
}

/** The sentence for one outcome of the posted code. */
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
