import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Mutant, mutantsOf, mutated } from './mutants.ts';
import { withRunners } from './pool.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Files whose checks decide a verdict; `FILE#FUNCTION` for one function of a file that mostly writes results. */
export const judging: readonly string[] = [
	'src/pmu/verdict/*.ts',
	'src/pmu/predict/*.ts',
	'src/guest/kernel/*.ts',
	'src/qemu/machine/qmp-watch.ts',
	'src/qemu/process/stderr.ts',
	'harness/worker/{conclusion,lacks}.ts',
	'harness/worker/{kernels,observe}/*.ts',
	'harness/worker/start/stay.ts',
	'harness/worker/guest/reading.ts',
	'harness/protocol/outcome.ts#broken',
];

/** Where the unit tests of these files stand. */
export const testing: readonly string[] = [
	'src/pmu/**/*.test.ts',
	'src/guest/**/*.test.ts',
	'src/qemu/**/*.test.ts',
	'harness/{worker,protocol}/**/*.test.ts',
	'test/neighbours/*.test.ts',
];

/** What became of a check's removal. */
export interface Tried {
	readonly mutant: Mutant;
	/** The test that turned red; undefined where all stayed green. */
	readonly red?: { readonly file: string; readonly title: string; readonly error: string };
	/** How many test files execute the check. */
	readonly covering: number;
}

/** A test file, run once with all checks in place. */
interface Surveyed {
	readonly file: string;
	readonly ms: number;
	readonly red: Tried['red'];
	readonly covered: Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
	readonly imports: Readonly<Record<string, readonly string[]>>;
}

const filesOf = (patterns: readonly string[]) =>
	patterns.flatMap(pattern => globSync(pattern, { cwd: root }).toSorted()).filter(file => !file.includes('/testing/'));

/** The alternatives of a pattern's braces, each of which must match. */
const alternatives = (pattern: string) => {
	const [, before = '', inside = '', after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
	return inside === '' ? [pattern] : inside.split(',').map(word => `${before}${word}${after}`);
};

/** All checks of the files that judge. @throws Error if a pattern matches no file: it would be skipped silently */
export function allMutants(patterns: readonly string[] = judging): readonly Mutant[] {
	return patterns.flatMap(pattern => {
		const [files = '', place] = pattern.split('#');
		const matching = alternatives(files).flatMap(one => {
			const found = filesOf([one]).filter(file => !/\.(test|real|full)\.ts$/.test(file));
			if (found.length === 0) throw new Error(`'${one}' matches no file`);
			return found;
		});
		return matching
			.flatMap(file => mutantsOf(file, readFileSync(path.join(root, file), 'utf8')))
			.filter(({ file, id }) => place === undefined || id.startsWith(`${file}: ${place}`));
	});
}

/** Whether a test file executes a place in a file: the innermost range around it counts. */
function executes({ covered }: Surveyed, { file, start }: Mutant): boolean {
	const around = (covered[file] ?? []).filter(([from, to]) => from <= start && start < to);
	const innermost = around.toSorted((a, b) => a[1] - a[0] - (b[1] - b[0]))[0];
	return innermost !== undefined && innermost[2] > 0;
}

/** A file with all that import it, directly or not. */
function importersOf(file: string, imports: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
	const found = new Set([file]);
	for (const one of found) for (const from of imports.get(one) ?? []) found.add(from);
	return [...found];
}

/** How long a test file may take without a check, by how long it takes with all of them. If it takes longer, it hangs. */
const hangsMs = (usualMs: number) => 60_000 + 20 * usualMs;
/** With all checks in place no test file takes nearly as long. */
const longestMs = 600_000;

export interface TryOptions {
	readonly tests?: readonly string[];
	readonly processes?: number;
	readonly onProgress?: (text: string) => void;
	/** Called with each result, as soon as it is known. */
	readonly onTried?: (tried: Tried) => void;
}

/**
 * Runs, for each mutant, the test files that execute its place, up to the first that fails.
 *
 * @throws Error if a test file fails with all checks in place
 */
export async function tryMutants(mutants: readonly Mutant[], options: TryOptions = {}): Promise<readonly Tried[]> {
	const { tests = testing, processes = 2, onProgress = () => undefined, onTried = () => undefined } = options;
	const files = filesOf(tests);
	onProgress(`${files.length} test files are run once with all checks in place`);
	const surveyed = await withRunners(root, processes, files, async (file, ask): Promise<Surveyed> => {
		const { red, ms, covered = {}, imports = {} } = await ask({ tests: [file], survey: true }, longestMs);
		return { file, ms, red, covered, imports };
	});
	const broken = surveyed.filter(one => one.red !== undefined);
	if (broken.length > 0) {
		const said = broken.map(({ file, red }) => `${file}: ${red!.title}: ${red!.error}`);
		throw new Error(`with all checks in place these fail:\n${said.join('\n')}`);
	}
	const importers = new Map<string, Set<string>>();
	for (const { imports } of surveyed) {
		for (const [from, to] of Object.entries(imports)) {
			for (const file of to) importers.set(file, (importers.get(file) ?? new Set()).add(from));
		}
	}
	const closeness = (file: string, mutant: Mutant) => (path.dirname(file) === path.dirname(mutant.file) ? 0 : 1);
	let done = 0;
	return await withRunners(root, processes, mutants, async (mutant, ask): Promise<Tried> => {
		const covering = surveyed
			.filter(one => executes(one, mutant))
			.toSorted((a, b) => closeness(a.file, mutant) - closeness(b.file, mutant) || a.ms - b.ms);
		const source = mutated(readFileSync(path.join(root, mutant.file), 'utf8'), mutant);
		const changed = { file: mutant.file, source };
		const stale = importersOf(mutant.file, importers);
		let red: Tried['red'];
		for (const { file, ms } of covering) {
			red ??= (await ask({ tests: [file], stale, changed }, hangsMs(ms))).red;
			if (red !== undefined) break;
		}
		if (++done % 50 === 0) onProgress(`${done} of ${mutants.length} checks`);
		const tried = { mutant, covering: covering.length, ...(red === undefined ? {} : { red }) };
		onTried(tried);
		return tried;
	});
}
