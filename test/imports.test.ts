import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

/** The doors of src: modules that may be imported from another room. */
const doors = [
	'lib',
	'qmp',
	'guest',
	'pmu',
	'patch',
	'image',
	'host',
	'qemu',
	'board',
	'run',
	'compare',
	'report',
	'history',
].map(room => `src/${room}/index.ts`);

/**
 * What each room may import, besides itself, node: and packages. Arrows go one way (docs/architecture.md). A file
 * belongs to the room with the longest matching path.
 */
const allowed: Record<string, readonly string[]> = {
	'src/lib': [],
	'src/qmp': ['src/lib'],
	'src/guest': ['src/lib'],
	'src/pmu': ['src/lib'],
	'src/patch': ['src/lib'],
	'src/image': ['src/lib', 'src/patch'],
	'src/host': ['src/lib'],
	'src/run': ['src/lib'],
	'src/compare': ['src/lib', 'src/run'],
	'src/report': ['src/lib', 'src/run', 'src/compare'],
	'src/history': ['src/lib', 'src/run', 'src/compare', 'src/report'],
	'src/qemu': ['src/lib', 'src/qmp', 'src/guest', 'src/host'],
	'src/board': ['src/lib', 'src/qemu', 'src/image', 'src/host'],
	'src/index.ts': doors,
	'harness/usage': doors,
	'harness/plan': [...doors, 'harness/usage'],
	'harness/protocol': [...doors, 'harness/plan', 'harness/usage'],
	'harness/run': [...doors, 'harness/protocol', 'harness/plan', 'harness/usage'],
	'harness/worker': [...doors, 'harness/protocol', 'harness/plan', 'harness/usage'],
	'harness/qmp-shell': [...doors, 'harness/usage'],
	'harness/bench': [...doors, 'harness/qmp-shell', 'harness/usage'],
	'harness/cli': [
		...[...doors, 'harness/run', 'harness/protocol', 'harness/plan', 'harness/usage'],
		...['harness/bench', 'harness/qmp-shell'],
	],
	'harness/main.ts': ['harness/cli', 'harness/usage'],
	// The door of cases is where a worker and, where AVA was started by hand, a run meet.
	'harness/ava.ts': [],
	'harness/test.ts': [...doors, 'harness/worker', 'harness/run', 'harness/plan'],
	cases: ['harness/test.ts'],
	images: ['src/image/index.ts'],
	test: ['src', 'harness', 'images'],
};

/** Starting processes is the business of host/ and qemu/; of packages' tools, image/ (apt, dpkg-deb); of AVA, the harness. */
const mayStartProcesses = ['src/host', 'src/qemu', 'src/image', 'harness', 'test'];

const root = path.resolve(import.meta.dirname, '..');
const isTest = (file: string) => /\.(test|real|full|bench)\.ts$|\/testing\//.test(file);

const files = ['src', 'harness', 'cases', 'images', 'test'].flatMap(folder =>
	readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
		.filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
		.map(name => path.join(folder, name)),
);

/** What a file imports, in whichever way: types only, re-exported, or when it is called. */
const importsIn = (text: string) =>
	[...text.matchAll(/^\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm)].map(
		match => match[1] ?? match[2] ?? match[3]!,
	);

/** Files by name, with what each imports; relative names are resolved. */
type Graph = ReadonlyMap<string, readonly string[]>;

const graphOf = (texts: Readonly<Record<string, string>>): Graph =>
	new Map(
		Object.entries(texts).map(([file, text]) => [
			file,
			importsIn(text).map(name => (name.startsWith('.') ? path.join(path.dirname(file), name) : name)),
		]),
	);

const graph = graphOf(Object.fromEntries(files.map(file => [file, readFileSync(path.join(root, file), 'utf8')])));

const isIn = (file: string, room: string) => file === room || file.startsWith(`${room}/`);

/** Imports that no arrow allows. Tests may import what they like. */
function wrongArrows(of: Graph): string[] {
	return [...of].flatMap(([file, imported]) => {
		if (isTest(file)) return [];
		const [room] = Object.keys(allowed)
			.filter(name => isIn(file, name))
			.sort((a, b) => b.length - a.length);
		if (room === undefined) return [`${file}: in no room`];
		return imported
			.filter(target => /^(src|harness|cases|images|test)\//.test(target))
			.filter(target => !isIn(target, room) && !allowed[room]!.some(other => isIn(target, other)))
			.map(target => `${file} -> ${target}`);
	});
}

/** Files that import one another, each circle once; of types too, which Biome's rule can be told to pass over. */
function circles(of: Graph): string[] {
	const found: string[] = [];
	const done = new Set<string>();
	const visit = (file: string, way: readonly string[]) => {
		if (way.includes(file)) found.push([...way.slice(way.indexOf(file)), file].join(' -> '));
		if (done.has(file)) return;
		done.add(file);
		for (const target of of.get(file) ?? []) visit(target, [...way, file]);
	};
	for (const file of of.keys()) visit(file, []);
	return found;
}

test('imports go one way', t => {
	t.deepEqual(wrongArrows(graph), []);
});

test('no files import one another', t => {
	t.deepEqual(circles(graph), []);
});

test('a wrong arrow and a circle are found, however they are written', t => {
	const wrong = {
		'harness/plan/plan.ts': "import { a } from '../cli/run.ts';",
		'harness/worker/a.ts': "\tconst { startRun } = await import('../run/run.ts');",
		'harness/run/a.ts': "import type { Session } from '../worker/session.ts';",
		'src/qmp/a.ts': "export { b } from '../guest/b.ts';",
		'harness/plan/b.ts': "import { a } from '../../src/pmu/facts.ts';",
		'elsewhere/a.ts': '',
	};
	t.deepEqual(wrongArrows(graphOf(wrong)), [
		'harness/plan/plan.ts -> harness/cli/run.ts',
		'harness/worker/a.ts -> harness/run/run.ts',
		'harness/run/a.ts -> harness/worker/session.ts',
		'src/qmp/a.ts -> src/guest/b.ts',
		'harness/plan/b.ts -> src/pmu/facts.ts',
		'elsewhere/a.ts: in no room',
	]);
	const circle = {
		'src/qmp/a.ts': "import { b } from './b.ts';",
		'src/qmp/b.ts': "import type {\n\tC,\n} from './c.ts';",
		'src/qmp/c.ts': "export * from './a.ts';",
	};
	t.deepEqual(circles(graphOf(circle)), ['src/qmp/a.ts -> src/qmp/b.ts -> src/qmp/c.ts -> src/qmp/a.ts']);
});

test('only those who may start processes import child_process', t => {
	const wrong = [...graph]
		.filter(([file, imported]) => !isTest(file) && imported.some(name => /^(node:)?child_process$|^zx/.test(name)))
		.filter(([file]) => !mayStartProcesses.some(room => isIn(file, room)));
	t.deepEqual(
		wrong.map(([file]) => file),
		[],
	);
});

test('zx comes in by one door', t => {
	const users = [...graph].filter(([, imported]) => imported.some(name => /^zx\b/.test(name)));
	t.deepEqual(
		users.map(([file]) => file),
		['src/image/cache/tool.ts'],
	);
});

/** Programs of their own, that run tests or build what tests need. */
const programs = [
	'harness/main.ts',
	'test/stress/stress.ts',
	'test/builds/main.ts',
	'test/checks/main.ts',
	'test/checks/warm.ts',
];

test('only harness/main.ts touches the exit code', t => {
	const wrong = files
		.filter(file => !isTest(file) && !programs.includes(file))
		.filter(file => /process\.(exitCode|exit\()/.test(readFileSync(path.join(root, file), 'utf8')));
	t.deepEqual(wrong, []);
});
