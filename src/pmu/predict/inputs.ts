import { machineVersion } from '../../lib/machine-type.ts';
import type { CpuSet } from '../cpu-list.ts';
import type { Answer, PmuSettings } from '../facts.ts';
import type { HostModel } from '../model/host-model.ts';
import { kernelHas, whyNotKnown } from '../model/kernel.ts';
import { noCpusFile, type ReadSource } from '../model/sources.ts';
import { kvmDefault } from './kvm-default.ts';
import { type PmuOption, readPmuOption } from './option.ts';
import { byBytes } from './posted.ts';

/** One event source, and whether it was taken. */
export interface Considered {
	readonly name: string;
	/** Why it is rejected, in a few words; undefined if it is usable. */
	readonly why: string | undefined;
}

/** All inputs of the decision, from a host's facts and the settings of a start. */
export interface ChoiceInputs {
	readonly host: HostModel;
	readonly settings: PmuSettings;
	readonly option: PmuOption;
	/** The effective `backcompat-pmu`. */
	readonly backcompat: boolean;
	/** KVM_CAP_ARM_PMU_V3. */
	readonly pmuV3: boolean;
	/** Whether a vCPU with a PMU can be made. `scratchMayFail`: that depends on the CPU on which QEMU happens to start. */
	readonly scratchVcpu: boolean;
	readonly scratchMayFail: boolean;
	readonly setPmu: boolean;
	readonly attribute5: boolean;
	/** The CPUs that an event source must cover; undefined if unknown. */
	readonly possible: CpuSet | undefined;
	/** Event sources that cover them, the preferred one first. */
	readonly covering: readonly ReadSource[];
	readonly considered: readonly Considered[];
	/** The given settings, and the assumptions about them, in sentences. */
	readonly because: readonly string[];
	/** The observations made in the search for an event source, in sentences. */
	readonly search: readonly string[];
}

/** Collects the inputs. */
export function readInputs(host: HostModel, settings: PmuSettings): ChoiceInputs {
	const { kvm } = host.facts;
	const because: string[] = [];
	const backcompat = backcompatOf(settings, because);
	const anyPmu = host.sources.some(source => source.compatible);
	const { initFails, initMayFail } = kvmDefault(host, settings.affinity);
	const answers = {
		pmuV3: decide('KVM has a PMU', kvm.pmuV3, anyPmu, because),
		setPmu: decideByRelease('KVM has SET_PMU', kvm.setPmu, host, [5, 18], because),
		attribute5: decide('KVM has vCPU PMU attribute 5', kvm.attribute5, false, because),
		scratchVcpu: kvm.scratchVcpu === 'no' && (host.initCpus?.size ?? 0) === 0 ? false : !initFails,
		scratchMayFail: initMayFail,
	};
	const option = readPmuOption(settings.pmu);
	return { host, settings, option, backcompat, ...answers, because, ...searchSources(host, answers.setPmu) };
}

type Search = Pick<ChoiceInputs, 'possible' | 'covering' | 'considered' | 'search'>;

/** Looks for event sources that cover all possible CPUs. */
function searchSources({ facts, possible: reading, sources }: HostModel, setPmu: boolean): Search {
	const possible = reading !== undefined && 'cpus' in reading && reading.cpus.size > 0 ? reading.cpus : undefined;
	if (possible === undefined) {
		const { possible: file } = facts.cpus;
		const found = 'error' in file ? file.error : JSON.stringify(file.text);
		const sentence = `which CPUs are possible cannot be read (${found}), so no event source is known to cover them all`;
		return { possible, covering: [], considered: [], search: [sentence] };
	}
	if ('error' in facts.eventSources) {
		const sentence = `event sources cannot be listed (${facts.eventSources.error})`;
		return { possible, covering: [], considered: [], search: [sentence] };
	}
	const covering: ReadSource[] = [];
	const considered = sources.map((source): Considered => {
		// Without SET_PMU there is no choice; only whether KVM's single PMU covers all CPUs matters.
		const why = setPmu ? source.problem : source.noList;
		if (why !== undefined) return { name: source.name, why };
		const missing = possible.minus(source.cpus!);
		if (missing.size > 0) return { name: source.name, why: `does not cover CPU ${missing}` };
		covering.push(source);
		return { name: source.name, why: undefined };
	});
	if (setPmu) covering.sort((a, b) => byBytes(a.link!, b.link!));
	const [first, ...others] = setPmu ? covering : [];
	const search = [
		...inShort(considered),
		...others.map(({ name, link }) => `${name} covers all CPUs too, but ${link} sorts after ${first!.link}`),
	];
	return { possible, covering, considered, search };
}

/** Largest number of names in a sentence. */
const mostNames = 3;

/** Explains why event sources are rejected, one sentence for each reason: a large server has a hundred of the same kind. */
export function inShort(considered: readonly Considered[]): string[] {
	const byReason = Map.groupBy(considered, one => one.why ?? '');
	byReason.delete('');
	const last = byReason.get(noCpusFile);
	byReason.delete(noCpusFile);
	if (last !== undefined) byReason.set(noCpusFile, last);
	return [...byReason].map(([why, all]) => {
		const names = all.slice(0, mostNames).map(one => one.name);
		const rest = all.length > mostNames ? ` and ${all.length - mostNames} more` : '';
		return `not taken: ${names.join(', ')}${rest} (${why})`;
	});
}

/** Returns an answer for the decision. An unknown answer becomes `assumed`, and `because` gets an explanation. */
export function decide(what: string, answer: Answer, assumed: boolean, because: string[]): boolean {
	if (typeof answer === 'string') return answer === 'yes';
	because.push(`whether ${what} is not known (${answer.unknown}); taken as ${assumed ? 'yes' : 'no'}`);
	return assumed;
}

/** Like {@link decide}, but an unknown answer is derived from the kernel's release if possible. */
function decideByRelease(
	what: string,
	answer: Answer,
	{ kernel }: HostModel,
	[major, minor]: readonly [major: number, minor: number],
	because: string[],
): boolean {
	if (typeof answer === 'string') return answer === 'yes';
	const has = kernelHas(kernel, major, minor);
	because.push(
		has === undefined
			? `whether ${what} is ${whyNotKnown(kernel)} and could not be asked (${answer.unknown}); taken as yes`
			: `whether ${what} could not be asked (${answer.unknown}); taken as ${has ? 'yes' : 'no'}, going by the release number (Linux has it since ${major}.${minor})`,
	);
	return has ?? true;
}

/** Returns the effective `backcompat-pmu`: the user's, else the machine type's, else by its version. */
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
	// The patch puts the property into the newest compat array of the release that merges it: at the latest that of 10.2.
	const [major, minor] =
		version === null || Number(version[1]) >= 11 ? [11, 0] : [Number(version[1]), Number(version[2])];
	const old = machine.upstream[0] < major || (machine.upstream[0] === major && machine.upstream[1] < minor);
	because.push(
		`${settings.machine} is ${old ? 'an old' : 'a new'} machine type for this choice (going by its version; its compat properties were not asked)`,
	);
	return old;
}
