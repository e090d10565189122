import { diffSchemas, type SchemaDrift } from '../../qmp/introspect/diff-schemas.ts';
import { QmpSchema } from '../../qmp/introspect/schema.ts';
import type { Answer, CompatProperty, Inspection, MachineType, ObjectProperty } from './inspection.ts';
import { familyOf, listMachines } from './machine-names.ts';

/** One difference between two QEMUs. Equal changes of several machine types are one finding that lists them all. */
export interface Finding {
	readonly kind:
		| 'build'
		| 'machine-type'
		| 'backcompat-pmu'
		| 'compat-property'
		| 'accelerator-property'
		| 'cpu-model'
		| 'death';
	/** `regression`: it breaks a guarantee of the earlier QEMU. */
	readonly severity: 'regression' | 'difference';
	readonly text: string;
	/** The affected machine types, if any. */
	readonly machines?: readonly string[];
}

/**
 * The guarantee that a machine type keeps its PMU: every versioned machine type of the build without the PMU choice has
 * `backcompat-pmu` on in the build with it. Between two builds with the choice, the value does not change.
 */
export interface Invariant {
	/** `null` if unknown; `reason` says why. */
	readonly holds: boolean | null;
	readonly reason: string;
	/** Versioned machine types that violate it. */
	readonly violations: readonly string[];
	/** Unversioned machine types that change. They guarantee nothing, but their guests are affected. */
	readonly unversioned: readonly string[];
}

export interface InspectionComparison {
	readonly schema: 'vpmu-inspect-diff/1';
	readonly before: Pick<Inspection, 'qemu' | 'version' | 'package' | 'host'>;
	readonly after: Pick<Inspection, 'qemu' | 'version' | 'package' | 'host'>;
	readonly invariant: Invariant;
	readonly findings: readonly Finding[];
	/** Changes of commands and events; `null` if either schema was not requested or not available. */
	readonly qmp: SchemaDrift | null;
}

/** Compares the inspections of two QEMUs. Pure. */
export function compareInspections(before: Inspection, after: Inspection): InspectionComparison {
	const invariant = judgeInvariant(before, after);
	const brief = ({ qemu, version, package: packaged, host }: Inspection) => ({
		qemu,
		version,
		package: packaged,
		host,
	});
	return {
		schema: 'vpmu-inspect-diff/1',
		before: brief(before),
		after: brief(after),
		invariant,
		findings: [
			...invariantFindings(invariant, wantedOf(before), allMachines(before, after)),
			...buildFindings(before, after),
			...machineFindings(before, after),
			...compatFindings(before, after),
			...acceleratorFindings(before, after),
			...cpuModelFindings(before, after),
			...deathFindings(before, after),
		],
		qmp: schemaDrift(before, after),
	};
}

function answerOf<T>(answer: Answer<T>): T | undefined {
	return 'answer' in answer ? answer.answer : undefined;
}

function isVersioned(machine: MachineType): boolean {
	return familyOf(machine.name) !== undefined;
}

/** Returns the names of all machine types of the inspections. */
function allMachines(...inspections: readonly Inspection[]): string[] {
	return inspections.flatMap(({ machines }) => answerOf(machines) ?? []).map(({ name }) => name);
}

function judgeInvariant(before: Inspection, after: Inspection): Invariant {
	const undecided = (reason: string): Invariant => ({ holds: null, reason, violations: [], unversioned: [] });
	const [old, now] = [answerOf(before.machines), answerOf(after.machines)];
	if (old === undefined || now === undefined) return undecided('the machine types of one of them are unknown');
	if (after.pmuChoice.has === null) return undecided('it is unknown whether the QEMU after has the PMU choice');
	if (before.pmuChoice.has === null) return undecided('it is unknown whether the QEMU before has the PMU choice');
	if (!after.pmuChoice.has) {
		if (before.pmuChoice.has) return undecided('the QEMU after has lost the PMU choice');
		return { holds: true, reason: 'neither has the PMU choice', violations: [], unversioned: [] };
	}
	const byName = new Map(now.map(machine => [machine.name, machine]));
	// `none` has no CPU, and so no PMU.
	const common = old.filter(machine => machine.name !== 'none' && byName.has(machine.name));
	const versioned = common.filter(isVersioned);
	if (versioned.length === 0) return undecided('they have no versioned machine type in common');
	const untold = (of: Inspection) =>
		undecided(`the QEMU ${of === before ? 'before' : 'after'} does not tell compat properties`);
	if (versioned.some(machine => byName.get(machine.name)!.backcompatPmu === null)) return untold(after);
	if (before.pmuChoice.has && versioned.some(machine => machine.backcompatPmu === null)) return untold(before);
	const broken = common.filter(machine => {
		const expected = before.pmuChoice.has ? machine.backcompatPmu : true;
		return expected !== null && byName.get(machine.name)!.backcompatPmu !== expected;
	});
	const names = (machines: readonly MachineType[]) => machines.map(machine => machine.name);
	const violations = names(broken.filter(isVersioned));
	const unversioned = names(broken.filter(machine => !isVersioned(machine)));
	const kept = `backcompat-pmu is ${wantedOf(before)} in`;
	const reason =
		violations.length === 0
			? `${kept} all ${versioned.length} versioned machine types that both offer`
			: `${kept} ${versioned.length - violations.length} of the ${versioned.length} versioned machine types that both offer, not in ${listMachines(violations, names(old))}`;
	return { holds: violations.length === 0, reason, violations, unversioned };
}

/** Describes the required value of backcompat-pmu in the later QEMU. */
const wantedOf = (before: Inspection) => (before.pmuChoice.has ? 'as it was' : 'on');

/** `wanted`: the required value of backcompat-pmu, as in "backcompat-pmu is on". */
function invariantFindings({ violations, unversioned }: Invariant, wanted: string, all: readonly string[]): Finding[] {
	const found: Finding[] = [];
	if (violations.length > 0) {
		found.push({
			kind: 'backcompat-pmu',
			severity: 'regression',
			text: `the PMU of guests changes silently in ${listMachines(violations, all)}, which both offer: backcompat-pmu is not ${wanted}`,
			machines: violations,
		});
	}
	if (unversioned.length > 0) {
		found.push({
			kind: 'backcompat-pmu',
			severity: 'difference',
			text: `machine types without a version promise nothing, and their PMU changes: ${listMachines(unversioned, all)}`,
			machines: unversioned,
		});
	}
	return found;
}

function buildFindings(before: Inspection, after: Inspection): Finding[] {
	const facts: [string, (of: Inspection) => string][] = [
		['version', of => `${of.version}${of.package === '' ? '' : ` (${of.package})`}`],
		['target', of => of.target ?? 'unknown'],
		['PMU choice', of => (of.pmuChoice.has === null ? 'unknown' : of.pmuChoice.has ? 'yes' : 'no')],
		['accelerators built in', of => [...of.accelerators.present].sort().join(', ')],
		['accelerator that runs', of => of.accelerators.enabled ?? 'unknown'],
	];
	return facts
		.filter(([, read]) => read(before) !== read(after))
		.map(([name, read]) => ({
			kind: 'build',
			severity: 'difference',
			text: `${name}: ${read(before)} -> ${read(after)}`,
		}));
}

function machineFindings(before: Inspection, after: Inspection): Finding[] {
	const [old, now] = [answerOf(before.machines), answerOf(after.machines)];
	if (old === undefined || now === undefined) return [];
	const changes = new Grouping(allMachines(before, after));
	const byName = new Map(now.map(machine => [machine.name, machine]));
	const known = new Set(old.map(machine => machine.name));
	for (const machine of old) {
		const next = byName.get(machine.name);
		if (next === undefined) {
			changes.add('no longer offered', machine.name);
			continue;
		}
		for (const [name, read] of Object.entries<(of: MachineType) => unknown>({
			alias: of => of.alias ?? 'none',
			deprecated: of => of.deprecated,
			'most CPUs': of => of.cpuMax,
			'default CPU': of => of.defaultCpuType ?? 'none',
			'is the default': of => of.isDefault,
		})) {
			const [was, is] = [read(machine), read(next)];
			if (was !== is) changes.add(`${name} ${was} -> ${is}`, machine.name);
		}
	}
	for (const machine of now) if (!known.has(machine.name)) changes.add('new', machine.name);
	return changes.findings('machine-type');
}

/** Returns the effective values: the last one of each property. */
function effective(properties: readonly CompatProperty[]): Map<string, string> {
	return new Map(properties.map(({ qomType, property, value }) => [`${qomType}.${property}`, value]));
}

function compatFindings(before: Inspection, after: Inspection): Finding[] {
	const [old, now] = [answerOf(before.machines), answerOf(after.machines)];
	if (old === undefined || now === undefined) return [];
	const changes = new Grouping(allMachines(before, after));
	// A series may add what keeps a released machine type as it was; what it takes away or changes was a promise. From one version
	// to the next, entries go with the devices that they were for.
	const broken = new Grouping(allMachines(before, after));
	const isSameVersion = before.version === after.version;
	// 10.0.50 to 10.0.99 are on the way to 10.1, whose machine type, the one with the alias, promises nothing yet.
	const isUnreleased = /^\d+\.\d+\.[5-9]\d\b/.test(before.version);
	const byName = new Map(now.map(machine => [machine.name, machine]));
	for (const machine of old) {
		const [was, is] = [machine.compatProperties, byName.get(machine.name)?.compatProperties];
		if (was === null || is === null || is === undefined) continue;
		const [wasValues, isValues] = [effective(was), effective(is)];
		for (const key of new Set([...wasValues.keys(), ...isValues.keys()])) {
			const [from, to] = [wasValues.get(key), isValues.get(key)];
			if (from === to) continue;
			// The invariant judges this one.
			const isReleased = isVersioned(machine) && !(isUnreleased && machine.alias !== null);
			const isPromise = isSameVersion && from !== undefined && isReleased && !key.endsWith('.backcompat-pmu');
			(isPromise ? broken : changes).add(`${key} ${from ?? 'not set'} -> ${to ?? 'not set'}`, machine.name);
		}
	}
	return [...broken.findings('compat-property', 'regression'), ...changes.findings('compat-property')];
}

function acceleratorFindings(before: Inspection, after: Inspection): Finding[] {
	const found: Finding[] = [];
	const add = (text: string) => found.push({ kind: 'accelerator-property', severity: 'difference', text });
	for (const [accel, answer] of Object.entries(after.acceleratorProperties)) {
		const [was, is] = [before.acceleratorProperties[accel], answer];
		const [old, now] = [was && answerOf(was), answerOf(is)];
		if (old === undefined || now === undefined) continue;
		const byName = new Map(old.map(property => [property.name, property]));
		for (const property of now) {
			const earlier = byName.get(property.name);
			if (earlier === undefined) add(`${accel}.${property.name}: new (${describe(property)})`);
			else if (describe(earlier) !== describe(property)) {
				add(`${accel}.${property.name}: ${describe(earlier)} -> ${describe(property)}`);
			}
			byName.delete(property.name);
		}
		for (const name of byName.keys()) add(`${accel}.${name}: no longer there`);
	}
	return found;
}

function describe({ type, defaultValue }: ObjectProperty): string {
	return defaultValue === undefined ? type : `${type}, default ${String(defaultValue)}`;
}

function cpuModelFindings(before: Inspection, after: Inspection): Finding[] {
	const found: Finding[] = [];
	const add = (text: string) => found.push({ kind: 'cpu-model', severity: 'difference', text });
	for (const [model, answer] of Object.entries(after.cpuModels)) {
		const was = before.cpuModels[model];
		const [old, now] = [was && answerOf(was), answerOf(answer)];
		if (old === undefined || now === undefined) continue;
		for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
			const [from, to] = [old, now].map(properties => (name in properties ? String(properties[name]) : 'not there'));
			if (from !== to) add(`${model}.${name}: ${from} -> ${to}`);
		}
	}
	return found;
}

function deathFindings(before: Inspection, after: Inspection): Finding[] {
	const known = new Set(before.deaths.map(death => death.question));
	return after.deaths
		.filter(death => !known.has(death.question))
		.map(({ question, exit, stderr }) => {
			const how = exit.signal === null ? `ends QEMU with status ${exit.status}` : `kills QEMU with ${exit.signal}`;
			const last = stderr.at(-1);
			return {
				kind: 'death',
				severity: 'regression',
				text: `${question} ${how}${last === undefined ? '' : `: ${last}`}`,
			};
		});
}

function schemaDrift(before: Inspection, after: Inspection): SchemaDrift | null {
	const [old, now] = [before, after].map(({ qmpSchema }) => qmpSchema && answerOf(qmpSchema));
	if (old === undefined || now === undefined) return null;
	return diffSchemas(new QmpSchema(old), new QmpSchema(now));
}

/** Groups equal changes of several machine types. */
class Grouping {
	readonly #groups = new Map<string, string[]>();
	readonly #all: readonly string[];

	constructor(all: readonly string[]) {
		this.#all = all;
	}

	add(change: string, machine: string): void {
		const group = this.#groups.get(change);
		if (group === undefined) this.#groups.set(change, [machine]);
		else group.push(machine);
	}

	findings(kind: Finding['kind'], severity: Finding['severity'] = 'difference'): Finding[] {
		return [...this.#groups].map(([change, machines]) => {
			const text = `${change} in ${listMachines(machines, this.#all)}`;
			return { kind, severity, text, machines };
		});
	}
}
