import type { Relation } from './version.ts';

/** One alternative of a dependency. */
export interface Alternative {
	readonly name: string;
	readonly relation?: Relation;
	readonly version?: string;
}

/** Alternatives, of which one must be installed. */
export type Dependency = readonly Alternative[];

/** A package at one version, as its index describes it. */
export interface IndexedPackage {
	readonly name: string;
	readonly version: string;
	readonly architecture: string;
	/** Pre-Depends, then Depends. */
	readonly depends: readonly Dependency[];
	/** Conflicts and Breaks. */
	readonly conflicts: readonly Alternative[];
	/** With `=` and a version, or without either. */
	readonly provides: readonly Alternative[];
	/** 0 is `required`. */
	readonly priority: number;
	readonly isEssential: boolean;
	/** Path below the mirror. */
	readonly path: string;
	readonly sizeBytes: number;
	readonly sha256: string;
}

const priorities = ['required', 'important', 'standard', 'optional', 'extra'];

/** Iterates over the stanzas of an index (deb-control(5)), as text and with the place where each begins. */
export function* stanzasOf(text: string): Generator<{ readonly stanza: string; readonly at: number }> {
	let at = 0;
	while (at < text.length) {
		const found = text.indexOf('\n\n', at);
		const end = found === -1 ? text.length : found;
		if (end > at) yield { stanza: text.slice(at, end), at };
		at = end + 2;
	}
}

/** Returns a field of a stanza, with continued lines joined by `\n`; empty if there is none. Its name is as indexes write it. */
export function fieldOf(stanza: string, name: string): string {
	const label = `${name}:`;
	const found = stanza.startsWith(label) ? 0 : stanza.indexOf(`\n${label}`) + 1;
	if (found === 0 && !stanza.startsWith(label)) return '';
	const start = found + label.length;
	let end = stanza.indexOf('\n', start);
	while (end !== -1 && (stanza[end + 1] === ' ' || stanza[end + 1] === '\t')) end = stanza.indexOf('\n', end + 1);
	return stanza
		.slice(start, end === -1 ? undefined : end)
		.replace(/\n[ \t]+/g, '\n')
		.trim();
}

/**
 * A package of an index. Indexes have some 70,000, of which few are asked for more than their names, so other fields are parsed on
 * demand.
 */
class Stanza implements IndexedPackage {
	readonly name: string;
	readonly version: string;
	readonly provides: readonly Alternative[];
	readonly #text: string;
	#depends: readonly Dependency[] | undefined;
	#conflicts: readonly Alternative[] | undefined;

	constructor(text: string) {
		this.#text = text;
		this.name = fieldOf(text, 'Package');
		this.version = fieldOf(text, 'Version');
		this.provides = dependenciesOf(fieldOf(text, 'Provides')).flat();
	}

	get architecture() {
		return fieldOf(this.#text, 'Architecture');
	}
	get path() {
		return fieldOf(this.#text, 'Filename');
	}
	get sizeBytes() {
		return Number(fieldOf(this.#text, 'Size'));
	}
	get sha256() {
		return fieldOf(this.#text, 'SHA256');
	}
	get isEssential() {
		return fieldOf(this.#text, 'Essential') === 'yes';
	}
	get priority() {
		const found = priorities.indexOf(fieldOf(this.#text, 'Priority'));
		return found === -1 ? priorities.length : found;
	}
	get depends() {
		this.#depends ??= ['Pre-Depends', 'Depends'].flatMap(name => dependenciesOf(fieldOf(this.#text, name)));
		return this.#depends;
	}
	get conflicts() {
		this.#conflicts ??= ['Conflicts', 'Breaks'].flatMap(name => dependenciesOf(fieldOf(this.#text, name)).flat());
		return this.#conflicts;
	}
}

/** The packages of an index; stanzas without a usable name or version are left out. */
export function packagesOf(text: string): IndexedPackage[] {
	const packages: IndexedPackage[] = [];
	for (const { stanza } of stanzasOf(text)) {
		const one = new Stanza(stanza);
		if (/^[a-z0-9][a-z0-9+.-]*$/.test(one.name) && /^[\w.+:~-]+$/.test(one.version)) packages.push(one);
	}
	return packages;
}

/** The packages of an index that have a name. */
export function packagesNamed(text: string, name: string): IndexedPackage[] {
	const packages: IndexedPackage[] = [];
	const line = `Package: ${name}\n`;
	for (let at = text.indexOf(line); at !== -1; at = text.indexOf(line, at + 1)) {
		const end = text.indexOf('\n\n', at);
		if (at === 0 || text[at - 1] === '\n') packages.push(new Stanza(text.slice(at, end === -1 ? undefined : end)));
	}
	return packages;
}

/** Fields that name other packages, in the order in which apt reads them. */
const relations = /^(Pre-Depends|Depends|Suggests|Recommends|Conflicts|Breaks|Replaces|Enhances|Provides): /;

/** Finds the first place of an index that names a package, as its own or in a relation; -1 if there is none. */
export function firstMention(text: string, name: string): number {
	const isPart = (character: string | undefined) => character !== undefined && /[a-z0-9+.-]/.test(character);
	for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
		if (isPart(text[at - 1]) || isPart(text[at + name.length])) continue;
		const start = text.lastIndexOf('\n', at) + 1;
		if (at === start + 'Package: '.length && text.startsWith('Package: ', start)) return at;
		if (relations.test(text.slice(start, start + 16))) return at;
	}
	return -1;
}

/** Parses a field of relations (deb-control(5)): `a (>= 1) | b, c`. Restrictions on architectures do not occur in indexes. */
export function dependenciesOf(text: string): Dependency[] {
	if (text === '') return [];
	return text
		.split(',')
		.map(group =>
			group.split('|').flatMap((one): Alternative[] => {
				// `:any` and `:native` are the only architecture here.
				const match = /^\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?/.exec(
					one,
				);
				if (match === null) return [];
				const [, name, operator, version] = match;
				if (operator === undefined) return [{ name: name! }];
				const relation = (operator === '<' ? '<=' : operator === '>' ? '>=' : operator) as Relation;
				return [{ name: name!, relation, version: version! }];
			}),
		)
		.filter(group => group.length > 0);
}
