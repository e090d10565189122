import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

/** What each room may import from, besides itself, node: and packages. Arrows go one way (docs/architecture.md). */
const allowed: Record<string, readonly string[]> = {
	'src/lib': [],
	'src/qmp': ['src/lib'],
	'src/guest': ['src/lib'],
	'src/pmu': ['src/lib'],
	'src/image': ['src/lib'],
	'src/host': ['src/lib'],
	'src/run': ['src/lib'],
	'src/report': ['src/lib', 'src/run'],
	'src/qemu': ['src/lib', 'src/qmp', 'src/guest', 'src/host'],
	'src/board': ['src/lib', 'src/qemu', 'src/image', 'src/host'],
	'src/index.ts': ['src'],
	harness: ['src/index.ts', 'images'],
	cases: ['harness/test.ts'],
	images: ['src/image'],
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

const importsOf = (file: string) =>
	[
		...readFileSync(path.join(root, file), 'utf8').matchAll(
			/^\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm,
		),
	].map(match => match[1] ?? match[2] ?? match[3]!);

const roomOf = (file: string) =>
	Object.keys(allowed)
		.filter(room => file === room || file.startsWith(`${room}/`))
		.sort((a, b) => b.length - a.length)[0];

test('imports go one way', t => {
	const wrong: string[] = [];
	for (const file of files.filter(name => !isTest(name))) {
		const room = roomOf(file);
		if (room === undefined) {
			wrong.push(`${file}: in no room`);
			continue;
		}
		for (const specifier of importsOf(file).filter(name => name.startsWith('.'))) {
			const target = path.join(path.dirname(file), specifier);
			const inside = target === room || target.startsWith(`${room}/`);
			const permitted = allowed[room]!.some(other => target === other || target.startsWith(`${other}/`));
			if (!inside && !permitted) wrong.push(`${file} -> ${target}`);
		}
	}
	t.deepEqual(wrong, []);
});

test('only those who may start processes import child_process', t => {
	const wrong = files
		.filter(file => !isTest(file) && importsOf(file).some(name => /^(node:)?child_process$|^zx/.test(name)))
		.filter(file => !mayStartProcesses.some(room => file.startsWith(`${room}/`)));
	t.deepEqual(wrong, []);
});

test('only harness/main.ts touches the exit code', t => {
	const wrong = files
		.filter(file => !isTest(file) && file !== 'harness/main.ts')
		.filter(file => /process\.(exitCode|exit\()/.test(readFileSync(path.join(root, file), 'utf8')));
	t.deepEqual(wrong, []);
});
