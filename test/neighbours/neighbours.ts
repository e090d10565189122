import { CpuSet, type EventSource, type FileText, type HostFacts, type PmuSettings } from '../../src/pmu/index.ts';
import { hostModel } from '../../src/pmu/model/host-model.ts';
import type { ReadSource } from '../../src/pmu/model/sources.ts';
import { type ChoiceRule, choiceRules, decideBy } from '../../src/pmu/predict/choice.ts';
import { type ChoiceInputs, readInputs } from '../../src/pmu/predict/inputs.ts';

/** One host with one start of QEMU on it. */
export interface Situation {
	readonly title: string;
	readonly facts: HostFacts;
	readonly settings: PmuSettings;
}

/** A choice with one mistake: it reads a fact next to the one that decides, or applies the rules in another order. */
export interface Neighbour {
	/** The fact or rules that it gets wrong. */
	readonly about: string;
	readonly name: string;
	/** The outcome, in a form that can be compared. */
	readonly choose: (situation: Situation) => string;
}

type Facts = HostFacts;
type Inputs = ChoiceInputs;

/** Computes the choice: the reference, or one with other facts, other inputs or other rules. */
export function choose(
	{ facts, settings }: Pick<Situation, 'facts' | 'settings'>,
	change: {
		readonly facts?: (facts: Facts) => Facts;
		readonly settings?: (settings: PmuSettings) => PmuSettings;
		readonly inputs?: (inputs: Inputs) => Inputs;
		readonly rules?: readonly ChoiceRule[];
	} = {},
): string {
	const { facts: changeFacts = one => one, settings: changeSettings = one => one, inputs = one => one } = change;
	const read = readInputs(hostModel(changeFacts(facts)), changeSettings(settings));
	const { decision } = decideBy(change.rules ?? choiceRules, inputs(read));
	return JSON.stringify([decision.backend, decision.type, decision.error]);
}

const fact = (about: string, name: string, facts: (facts: Facts) => Facts): Neighbour => ({
	about,
	name,
	choose: situation => choose(situation, { facts }),
});
const input = (about: string, name: string, inputs: (inputs: Inputs) => Inputs): Neighbour => ({
	about,
	name,
	choose: situation => choose(situation, { inputs }),
});
const setting = (about: string, name: string, settings: (settings: PmuSettings) => PmuSettings): Neighbour => ({
	about,
	name,
	choose: situation => choose(situation, { settings }),
});

const possibleFrom = (name: 'online' | 'present') => (facts: Facts) => ({
	...facts,
	cpus: { ...facts.cpus, possible: facts.cpus[name] },
});
const rewriteFile = (file: FileText, rewrite: (text: string) => string): FileText =>
	'text' in file ? { text: `${rewrite(file.text.trimEnd())}\n` } : file;
const withPossible = (rewrite: (text: string) => string) => (facts: Facts) => ({
	...facts,
	cpus: { ...facts.cpus, possible: rewriteFile(facts.cpus.possible, rewrite) },
});
const withSources = (rewrite: (entry: EventSource) => EventSource) => (facts: Facts) => ({
	...facts,
	eventSources: 'error' in facts.eventSources ? facts.eventSources : facts.eventSources.map(rewrite),
});
const withCpus = (rewrite: (text: string) => string) =>
	withSources(entry => ({ ...entry, cpus: rewriteFile(entry.cpus, rewrite) }));

/** Fills the holes of a list, from its first number to its last. */
const hull = (list: string) => {
	const numbers = list.match(/\d+/g) ?? [];
	return numbers.length < 2 ? list : `${numbers[0]}-${numbers.at(-1)}`;
};
const firstItem = (list: string) => list.split(',')[0]!;
const lastItem = (list: string) => list.split(',').at(-1)!;
/** CPUs below 64: those in the first word of a bitmap. */
const firstWord = (list: string) => list.replaceAll(/\d+/g, number => `${Math.min(Number(number), 63)}`);

/** Takes another of the event sources that cover all CPUs than the one with the smallest path. */
const preferring =
	(prefer: (sources: readonly ReadSource[], all: readonly ReadSource[]) => ReadSource | undefined) =>
	(inputs: Inputs) => {
		const other = inputs.setPmu ? prefer(inputs.covering, inputs.host.sources) : undefined;
		return other === undefined ? inputs : { ...inputs, covering: [other] };
	};
const least = <K>(sources: readonly ReadSource[], key: (source: ReadSource) => K) =>
	sources.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))[0];

/** Changes the meaning of "cover". */
const coveringBy =
	(covers: (cpus: CpuSet, possible: CpuSet) => boolean) =>
	(inputs: Inputs): Inputs => {
		const { possible, host, setPmu } = inputs;
		if (possible === undefined) return inputs;
		const covering = host.sources
			.filter(({ cpus, problem }) => cpus !== undefined && (!setPmu || problem === undefined) && covers(cpus, possible))
			.sort((a, b) => Buffer.compare(Buffer.from(a.link ?? ''), Buffer.from(b.link ?? '')));
		return { ...inputs, covering };
	};

/** The neighbours of each deciding fact. */
const facts: readonly Neighbour[] = [
	fact('possible', 'reads online', possibleFrom('online')),
	fact('possible', 'reads present', possibleFrom('present')),
	{
		about: 'possible',
		name: 'reads the CPUs that it may run on',
		choose: situation => {
			const { affinity } = situation.settings;
			const mayRunOn = affinity === undefined ? situation.facts.cpus.allowed : { text: affinity };
			return choose(situation, { facts: facts => ({ ...facts, cpus: { ...facts.cpus, possible: mayRunOn } }) });
		},
	},
	fact('possible', 'ignores holes', withPossible(hull)),
	fact('possible', 'reads only the first range', withPossible(firstItem)),
	fact('possible', 'reads only the last range', withPossible(lastItem)),
	fact('possible', 'reads only the first 64', withPossible(firstWord)),
	fact('possible', 'assumes all are covered if the list cannot be read', facts => ({
		...facts,
		cpus: { ...facts.cpus, possible: 'error' in facts.cpus.possible ? { text: '0\n' } : facts.cpus.possible },
	})),
	fact(
		'cpus',
		'reads cpumask',
		withSources(entry => ({ ...entry, cpus: entry.cpumask ?? { error: 'ENOENT' } })),
	),
	fact(
		'cpus',
		'reads cpumask if there is one',
		withSources(entry => ({ ...entry, cpus: entry.cpumask ?? entry.cpus })),
	),
	fact(
		'cpus',
		'reads cpumask if there is no cpus',
		withSources(entry => ({ ...entry, cpus: 'error' in entry.cpus ? (entry.cpumask ?? entry.cpus) : entry.cpus })),
	),
	fact('cpus', 'ignores holes', withCpus(hull)),
	fact('cpus', 'reads only the first range', withCpus(firstItem)),
	fact('cpus', 'reads only the last range', withCpus(lastItem)),
	fact('cpus', 'reads a missing list as all CPUs', facts => ({
		...facts,
		eventSources:
			'error' in facts.eventSources
				? facts.eventSources
				: facts.eventSources.map(entry => ('error' in entry.cpus ? { ...entry, cpus: facts.cpus.possible } : entry)),
	})),
	fact('cpus', 'reads an empty list as all CPUs', facts => ({
		...facts,
		eventSources:
			'error' in facts.eventSources
				? facts.eventSources
				: facts.eventSources.map(entry =>
						'text' in entry.cpus && entry.cpus.text.trim() === '' ? { ...entry, cpus: facts.cpus.possible } : entry,
					),
	})),
	input(
		'covers',
		'demands equal sets',
		coveringBy((cpus, possible) => `${cpus}` === `${possible}`),
	),
	input(
		'covers',
		'compares how many',
		coveringBy((cpus, possible) => cpus.size >= possible.size),
	),
	input(
		'covers',
		'accepts one that covers any CPU',
		coveringBy((cpus, possible) => cpus.and(possible).size > 0),
	),
	input(
		'covers',
		'compares only the first CPU',
		coveringBy((cpus, possible) => cpus.has(possible.ranges[0]![0])),
	),
	input(
		'covers',
		'compares only the last CPU',
		coveringBy((cpus, possible) => cpus.has(possible.ranges.at(-1)![1])),
	),
	input(
		'covers',
		'accepts one that misses a single CPU',
		coveringBy((cpus, possible) => possible.minus(cpus).size <= 1),
	),
	input('covers', 'accepts several that cover all CPUs together', inputs => {
		const { possible, host } = inputs;
		if (possible === undefined || inputs.covering.length > 0 || !inputs.setPmu) return inputs;
		const all = host.sources.filter(({ problem, cpus }) => problem === undefined && cpus !== undefined);
		const union = all.reduce((cpus, source) => cpus.or(source.cpus!), new CpuSet());
		return union.covers(possible) ? { ...inputs, covering: all.slice(0, 1) } : inputs;
	}),
	input(
		'which of several',
		'takes the largest device path',
		preferring(sources => sources.at(-1)),
	),
	input(
		'which of several',
		'takes the second smallest device path',
		preferring(sources => sources[1]),
	),
	input(
		'which of several',
		'takes the first of the folder',
		preferring((sources, all) => all.find(one => sources.includes(one))),
	),
	input(
		'which of several',
		'the last of the folder',
		preferring((sources, all) => all.findLast(one => sources.includes(one))),
	),
	input(
		'which of several',
		'the smallest type',
		preferring(sources => least(sources, source => source.type!)),
	),
	input(
		'which of several',
		'the largest type',
		preferring(sources => least(sources, source => -source.type!)),
	),
	input(
		'which of several',
		'the first name',
		preferring(sources => least(sources, source => source.name)),
	),
	input(
		'which of several',
		'the last name',
		preferring(sources => sources.toSorted((a, b) => (a.name < b.name ? 1 : -1))[0]),
	),
	input(
		'which of several',
		'sorts numbers in device paths by value',
		preferring(sources => sources.toSorted((a, b) => a.link!.localeCompare(b.link!, 'en', { numeric: true }))[0]),
	),
	input(
		'which of several',
		'sorts device paths without regard to case',
		preferring(sources => least(sources, source => source.link!.toLowerCase())),
	),
	input(
		'which of several',
		'sorts device paths folder by folder',
		preferring(sources => least(sources, source => source.link!.replaceAll('/', '\0'))),
	),
	input(
		'which of several',
		'takes the shortest device path',
		preferring(sources => least(sources, source => source.link!.length)),
	),
	fact('which of several', 'only those called armv8_*', facts => ({
		...facts,
		eventSources:
			'error' in facts.eventSources
				? facts.eventSources
				: facts.eventSources.filter(({ name }) => name.startsWith('armv8_')),
	})),
	fact(
		'type',
		'reads only decimal numbers',
		withSources(entry => ({ ...entry, type: rewriteFile(entry.type, text => (/^[1-9]\d*$/.test(text) ? text : 'x')) })),
	),
	fact(
		'type',
		'reads octal numbers as decimal',
		withSources(entry => ({ ...entry, type: rewriteFile(entry.type, text => text.replace(/^0(\d+)$/, '$1')) })),
	),
	fact(
		'type',
		'reads a missing type as 10',
		withSources(entry => ({ ...entry, type: 'error' in entry.type ? { text: '10\n' } : entry.type })),
	),
	input('KVM_CAP_ARM_PMU_V3', 'is not asked', inputs => ({ ...inputs, pmuV3: true })),
	input('scratch vCPU', 'is not tried', inputs => ({ ...inputs, scratchVcpu: true })),
	input('SET_PMU', 'is taken as there', inputs => ({
		...inputs,
		...readInputs(inputs.host, inputs.settings),
		setPmu: true,
	})),
	input('attribute 5', 'is not asked', inputs => ({ ...inputs, attribute5: false })),
	input('attribute 5', 'is taken as there', inputs => ({ ...inputs, attribute5: true })),
	input('backcompat-pmu', 'is ignored', inputs => ({ ...inputs, backcompat: false })),
	input('backcompat-pmu', 'is always on', inputs => ({ ...inputs, backcompat: true })),
	setting('backcompat-pmu', "the user's is ignored", ({ backcompatPmu: _, ...settings }) => settings),
	setting(
		'backcompat-pmu',
		"the machine type's is ignored",
		({ qemu: { machineBackcompatPmu: _, ...qemu }, ...settings }) => ({
			...settings,
			machine: 'virt',
			qemu,
		}),
	),
	setting('pmu=', 'is ignored', ({ pmu: _, ...settings }) => settings),
	setting('pmu=', '0 is taken for unset', settings => (settings.pmu === '0' ? without(settings) : settings)),
	setting('pmu=', 'reads 2^64-1 as a type', settings =>
		settings.pmu === '18446744073709551615' ? { ...settings, pmu: '4294967295' } : settings,
	),
	setting('pmu=', 'refuses hexadecimal numbers', settings =>
		settings.pmu?.startsWith('0x') ? { ...settings, pmu: 'x' } : settings,
	),
];

function without({ pmu: _, ...settings }: PmuSettings): PmuSettings {
	return settings;
}

/** Rules that never apply together, so that their order cannot matter, and pairs with the same outcome. */
export const samePairs: Readonly<Record<string, string>> = {
	'bad-option, out-of-range': 'an option is one or the other',
	'bad-option, explicit': 'an option is one or the other',
	'out-of-range, explicit': 'an option is one or the other',
	'no-kvm-pmu, no-scratch-vcpu': 'both disable the PMU',
	'no-kvm-pmu, no-cover': 'both disable the PMU',
	'no-scratch-vcpu, no-cover': 'both disable the PMU',
	...Object.fromEntries(
		['no-kvm-pmu', 'no-scratch-vcpu'].flatMap(rule => [
			[`${rule}, covers-all`, 'SET_PMU is an attribute of a vCPU with a PMU, and absent without one'],
			[`${rule}, fixed-counters-only`, 'so is attribute 5'],
		]),
	),
	'backcompat, covers-all-default': "both leave KVM's default",
	'covers-all-default, covers-all': 'one has no SET_PMU, the other has it',
};

/** For each pair of rules, the choice that applies the later one first where both apply. */
const swapped: readonly Neighbour[] = choiceRules.flatMap((earlier, at) =>
	choiceRules.slice(at + 1).map((later): Neighbour => {
		const rule: ChoiceRule = {
			name: earlier.name,
			decide: inputs => earlier.decide(inputs) && (later.decide(inputs) ?? earlier.decide(inputs)),
		};
		const rules = choiceRules.with(at, rule);
		return {
			about: 'order of rules',
			name: `${earlier.name}, ${later.name}`,
			choose: situation => choose(situation, { rules }),
		};
	}),
);

/** For each rule, the choice without it. The last rule applies if no other does. */
const removed: readonly Neighbour[] = choiceRules.slice(0, -1).map(rule => ({
	about: 'rules',
	name: `without ${rule.name}`,
	choose: situation => choose(situation, { rules: choiceRules.filter(one => one !== rule) }),
}));

/** Rule orders that change some outcome, and those that cannot (`samePairs`). */
export const neighbours: readonly Neighbour[] = [
	...facts,
	...removed,
	...swapped.filter(({ name }) => samePairs[name] === undefined),
];
export const same: readonly Neighbour[] = swapped.filter(({ name }) => samePairs[name] !== undefined);
