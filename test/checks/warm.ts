import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { forget, runCollected } from './fake-ava.ts';
import { stripped } from './mutants.ts';

/** What the coordinator asks: run these test files, with some files loaded again and one of them changed. */
export interface Asked {
	/** Test files from the root, in this order, up to the first that fails. */
	readonly tests: readonly string[];
	/** Files that must be loaded again; all where it is absent. */
	readonly stale?: readonly string[];
	readonly changed?: { readonly file: string; readonly source: string };
	/** Whether to say what was executed. */
	readonly survey?: boolean;
}

/** What the process answers. */
export interface Answered {
	/** The first test that failed. */
	readonly red?: { readonly file: string; readonly title: string; readonly error: string };
	readonly ms: number;
	/** File to the ranges of its source that were executed or not, of the last test file; inner ranges later. */
	readonly covered?: Readonly<Record<string, readonly (readonly [start: number, end: number, count: number])[]>>;
	/** File to the files that it imports, as far as they were loaded. */
	readonly imports?: Readonly<Record<string, readonly string[]>>;
}

const root = path.resolve(import.meta.dirname, '../..');
const rootUrl = `${pathToFileURL(root)}/`;
const avaUrl = `${pathToFileURL(path.join(import.meta.dirname, 'fake-ava.ts'))}`;

let generation = 0;
let asked: Asked = { tests: [] };
let stale: ReadonlySet<string> | undefined;
let imports = new Map<string, Set<string>>();
const sources = new Map<string, string>();

/** Returns the path of one of the repository's files from the root; `undefined` for other files. */
function fileOf(url: string): string | undefined {
	if (!url.startsWith(rootUrl) || url.includes('/node_modules/')) return undefined;
	return path.relative(root, fileURLToPath(url.replace(/\?.*/, '')));
}

registerHooks({
	resolve(specifier, context, next) {
		if (specifier === 'ava') return { url: avaUrl, shortCircuit: true };
		const resolved = next(specifier, context);
		const file = fileOf(resolved.url);
		if (file === undefined || !file.endsWith('.ts') || file.startsWith('test/checks/fake-ava')) return resolved;
		const from = context.parentURL === undefined ? undefined : fileOf(context.parentURL);
		if (from !== undefined) imports.set(from, (imports.get(from) ?? new Set()).add(file));
		const isStale = stale === undefined || stale.has(file) || asked.tests.includes(file);
		return isStale ? { ...resolved, url: `${resolved.url.replace(/\?.*/, '')}?g=${generation}` } : resolved;
	},
	load(url, context, next) {
		const file = fileOf(url);
		if (file === undefined || !file.endsWith('.ts')) return next(url, context);
		if (asked.changed?.file === file) return { format: 'module', source: asked.changed.source, shortCircuit: true };
		const source = sources.get(file) ?? stripped(readFileSync(path.join(root, file), 'utf8'));
		sources.set(file, source);
		return { format: 'module', source, shortCircuit: true };
	},
});

const describeError = (error: unknown) =>
	(error instanceof Error ? `${error.message}` : String(error)).split('\n').slice(0, 6).join(' ').slice(0, 300);

async function answer(): Promise<Answered> {
	const began = performance.now();
	const ms = () => performance.now() - began;
	for (const file of asked.tests) {
		forget();
		const failed = await import(`${pathToFileURL(path.join(root, file))}`).then(runCollected, error => ({
			...{ title: 'the file cannot be loaded', error },
		}));
		if (failed !== undefined) {
			return { red: { file, title: failed.title, error: describeError(failed.error) }, ms: ms() };
		}
	}
	return { ms: ms() };
}

let inspector: Session | undefined;

async function survey(): Promise<Answered> {
	if (inspector === undefined) {
		inspector = new Session();
		inspector.connect();
		await inspector.post('Profiler.enable');
		await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
	}
	imports = new Map();
	const answered = await answer();
	const { result } = await inspector.post('Profiler.takePreciseCoverage');
	const covered: Record<string, [number, number, number][]> = {};
	for (const { url, functions } of result) {
		const file = fileOf(url);
		if (file === undefined || !url.endsWith(`?g=${generation}`)) continue;
		covered[file] = functions
			.flatMap(one => one.ranges)
			.map(({ startOffset, endOffset, count }) => [startOffset, endOffset, count]);
	}
	return { ...answered, covered, imports: Object.fromEntries([...imports].map(([from, to]) => [from, [...to]])) };
}

function end(error: unknown): void {
	const file = asked.tests.at(-1) ?? '';
	process.send?.({ red: { file, title: 'an error that nothing caught', error: describeError(error) }, ms: 0 }, () =>
		process.exit(0),
	);
}

process.on('uncaughtException', end);
process.on('unhandledRejection', end);
process.on('message', async (message: Asked) => {
	generation++;
	asked = message;
	stale = message.stale === undefined ? undefined : new Set(message.stale);
	process.send?.(await (message.survey === true ? survey() : answer()));
});
