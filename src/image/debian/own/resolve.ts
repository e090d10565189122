import { VpmuError } from '../../../lib/errors.ts';
import {
	type Alternative,
	type Dependency,
	firstMention,
	type IndexedPackage,
	packagesNamed,
	packagesOf,
} from './control.ts';
import { compareVersions, satisfies } from './version.ts';

/** The index of a suite. */
export interface SuiteIndex {
	/** Its file `Packages`. */
	readonly text: string;
	/** Whether apt would prefer its packages to newer ones of other suites (`APT::Default-Release`). */
	readonly isPreferred: boolean;
}

/** How many packages may depend on one another in a chain; no chain of Debian is nearly as long. */
const deepest = 400;

/**
 * Resolves packages and their dependencies, on a system where nothing is installed, as `apt-get install --no-install-recommends`
 * of apt 2 does: depth first, in the order of the fields, the first alternative that can be installed, and among the
 * providers of a virtual package the one that apt's CompareProviders prefers. `resolve.full.ts` compares the results with apt's.
 */
export class Resolver {
	/** The version that would be installed, by name. */
	readonly #candidates = new Map<string, IndexedPackage>();
	readonly #providers = new Map<string, IndexedPackage[]>();
	readonly #suites: readonly SuiteIndex[];
	readonly #known = new Map<string, readonly IndexedPackage[]>();

	constructor(suites: readonly SuiteIndex[]) {
		this.#suites = suites;
		const preferred = new Set<string>();
		for (const { text, isPreferred } of suites) {
			for (const one of packagesOf(text)) {
				const known = this.#candidates.get(one.name);
				const wasPreferred = preferred.has(one.name);
				if (isPreferred) preferred.add(one.name);
				const isBetter =
					known === undefined ||
					(isPreferred === wasPreferred ? compareVersions(one.version, known.version) > 0 : isPreferred);
				if (isBetter) this.#candidates.set(one.name, one);
			}
		}
		for (const one of this.#candidates.values()) {
			for (const { name } of one.provides) {
				const providers = this.#providers.get(name);
				if (providers === undefined) this.#providers.set(name, [one]);
				else providers.push(one);
			}
		}
	}

	/** @throws VpmuError (blame `image`) when a package is missing or its dependencies cannot be met */
	resolve(names: readonly string[]): IndexedPackage[] {
		const wanted = names.map(name => {
			const candidate = this.#candidates.get(name);
			const providers = this.#providers.get(name) ?? [];
			// A virtual package that is asked for means its provider, if there is only one.
			const found = candidate ?? (providers.length === 1 ? providers[0] : undefined);
			if (found === undefined) throw failure(`Unable to locate package ${name}`);
			return found;
		});
		const installation = new Installation(wanted, name => this.#solutions(name));
		for (const one of wanted) {
			const unmet = installation.meet(one, 0);
			if (unmet !== undefined) throw failure(`${one.name} : ${unmet}`);
		}
		return [...installation.installed.values()];
	}

	/** Finds the package of a name with a hash, in any version that the indexes have. */
	find({ name, sha256 }: Pick<IndexedPackage, 'name' | 'sha256'>): IndexedPackage | undefined {
		const candidate = this.#candidates.get(name);
		if (candidate?.sha256 === sha256) return candidate;
		return this.#suites.flatMap(({ text }) => packagesNamed(text, name)).find(one => one.sha256 === sha256);
	}

	/** The packages that satisfy an alternative, best first. */
	#solutions(wanted: Alternative): readonly IndexedPackage[] {
		const key = wordsOf(wanted);
		const known = this.#known.get(key);
		if (known !== undefined) return known;
		const own = this.#candidates.get(wanted.name);
		const found = new Set(own !== undefined && isMetBy(wanted, own) ? [own] : []);
		for (const one of this.#providers.get(wanted.name) ?? []) if (isMetBy(wanted, one)) found.add(one);
		const solutions = [...found].sort(
			(a, b) =>
				Number(b.name === wanted.name) - Number(a.name === wanted.name) ||
				Number(b.isEssential) - Number(a.isEssential) ||
				a.priority - b.priority ||
				this.#met(b.name) - this.#met(a.name),
		);
		this.#known.set(key, solutions);
		return solutions;
	}

	/** When apt meets a name first while it reads the indexes: of equal providers, the one that it met last wins. */
	#met(name: string): number {
		let before = 0;
		for (const { text } of this.#suites) {
			const at = firstMention(text, name);
			if (at !== -1) return before + at;
			before += text.length;
		}
		return before;
	}
}

/** Whether a package satisfies an alternative, by its name or by what it provides. */
function isMetBy(wanted: Alternative, one: IndexedPackage): boolean {
	const { name, relation, version } = wanted;
	if (one.name === name && (relation === undefined || satisfies(one.version, relation, version!))) return true;
	return one.provides.some(
		provided =>
			provided.name === name &&
			(relation === undefined || (provided.version !== undefined && satisfies(provided.version, relation, version!))),
	);
}

/** What is chosen so far. */
class Installation {
	installed: Map<string, IndexedPackage>;
	readonly #solutions: (wanted: Alternative) => readonly IndexedPackage[];
	/** Packages that turned out to be impossible. */
	readonly #impossible = new Set<IndexedPackage>();

	constructor(wanted: readonly IndexedPackage[], solutions: (wanted: Alternative) => readonly IndexedPackage[]) {
		this.installed = new Map(wanted.map(one => [one.name, one]));
		this.#solutions = solutions;
	}

	/** Installs what a package depends on. @returns the first dependency that cannot be met */
	meet(one: IndexedPackage, depth: number): string | undefined {
		for (const dependency of one.depends) {
			if (this.#isMet(dependency)) continue;
			const solutions = dependency.flatMap(alternative => this.#solutions(alternative));
			if (!solutions.some(solution => this.#install(solution, depth + 1))) {
				return `Depends: ${dependency.map(wordsOf).join(' or ')} but it is not installable`;
			}
		}
		return undefined;
	}

	#install(one: IndexedPackage, depth: number): boolean {
		if (this.installed.get(one.name) === one) return true;
		if (depth > deepest || this.#impossible.has(one) || this.#conflicts(one)) return false;
		const isHopeless = one.depends.some(
			dependency =>
				!this.#isMet(dependency) &&
				!dependency.some(alternative => this.#solutions(alternative).some(solution => !this.#impossible.has(solution))),
		);
		const before = new Map(this.installed);
		if (!isHopeless) {
			this.installed.set(one.name, one);
			if (this.meet(one, depth) === undefined) return true;
		}
		this.installed = before;
		this.#impossible.add(one);
		return false;
	}

	#isMet(dependency: Dependency): boolean {
		return dependency.some(alternative => {
			const own = this.installed.get(alternative.name);
			if (own !== undefined && isMetBy(alternative, own)) return true;
			return this.#solutions(alternative).some(one => this.installed.get(one.name) === one);
		});
	}

	#conflicts(one: IndexedPackage): boolean {
		const hit = (from: IndexedPackage, to: IndexedPackage) =>
			from.name !== to.name && from.conflicts.some(conflict => isMetBy(conflict, to));
		return [...this.installed.values()].some(other => hit(one, other) || hit(other, one));
	}
}

const wordsOf = ({ name, relation, version }: Alternative) =>
	relation === undefined ? name : `${name} (${relation} ${version})`;

const failure = (why: string) => new VpmuError(why, { blame: 'image' });
