import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { withDir } from 'tmp-promise';
import { poll } from '../../src/lib/index.ts';
import { allMutants, tryMutants } from './checks.ts';
import { mutantsOf, mutated } from './mutants.ts';
import { withRunners } from './pool.ts';

const source = `
const table = [{ name: 'first' }, { name: 'second' }];
export function judge(check: Check, seen: { count: number | null }, kinds: readonly string[]): string | undefined {
	if (seen.count === null) return 'nothing was counted';
	check('count', seen.count > 0, 'it to count', seen.count < 0 ? 'it went back' : 'it stood');
	for (const kind of kinds.filter(one => table.some(row => row.name === one))) check(kind, true, '', '');
	return seen.count > 1 && kinds.length === 0 ? \`none of \${kinds.length > 2 ? 'many' : 'few'}\` : undefined;
}
`;
const found = mutantsOf('a.ts', source);
const said = found.map(({ change, check }) => `${change}: ${check}`);

test('every check of a file is found, and no words', t => {
	t.deepEqual(said, [
		"removed: { name: 'first' },",
		"removed: { name: 'second' }",
		'never: seen.count === null',
		"removed: check('count', seen.count > 0, 'it to count', seen.count < 0 ? 'it went back' : 'it stood');",
		'never: seen.count > 0',
		'always: seen.count > 0',
		'never: table.some(row => row.name === one)',
		'always: table.some(row => row.name === one)',
		'never: row.name === one',
		'always: row.name === one',
		"removed: check(kind, true, '', '');",
		'left out of &&: seen.count > 1',
		'never: seen.count > 1 && kinds.length === 0',
		'always: seen.count > 1 && kinds.length === 0',
		'left out of &&: kinds.length === 0',
	]);
});

test('a check is taken out alone, and its name does not depend on its line', t => {
	const [first] = found.filter(one => one.change === 'never');
	t.true(mutated(source, first!).includes("if (false) return 'nothing was counted'"));
	t.is(mutated(source, first!).replace('false', 'seen.count === null').length, source.length);
	t.deepEqual(
		mutantsOf('a.ts', `\n\n${source}`).map(one => one.id),
		found.map(one => one.id),
	);
	t.is(new Set(found.map(one => one.id)).size, found.length);
});

const judging = ['src/pmu/verdict/verdict.ts', 'src/pmu/verdict/infer.ts'];
const testing = ['src/pmu/verdict/*.test.ts'];
const reasons: Record<string, string> = JSON.parse(
	readFileSync(path.join(import.meta.dirname, 'survivors.json'), 'utf8'),
);

test('a file as it stands keeps all tests green, and one that is broken turns one red', async t => {
	const [mutant] = allMutants(judging);
	const same = { ...mutant!, replacement: mutant!.check };
	const broken = { ...mutant!, replacement: 'undefined.nothing' };
	const tried = await tryMutants([same, broken], { tests: testing, processes: 1 });
	t.is(tried[0]!.red, undefined);
	t.true(tried[0]!.covering > 0);
	t.regex(tried[1]!.red?.file ?? '', /^src\/pmu\/verdict\//);
});

test('checks taken at random from the verdict are missed, or it is written why not', async t => {
	const mutants = allMutants(judging);
	// Others with each change of the files; `npm run test:mutate` takes them all.
	const sample = mutants.filter((_, at) => at % 23 === mutants.length % 23);
	const tried = await tryMutants(sample, { tests: testing, processes: 1 });
	const survivors = tried.filter(one => one.red === undefined).map(one => one.mutant.id);
	t.true(sample.length > 5);
	t.deepEqual(
		survivors.filter(id => reasons[id] === undefined),
		[],
	);
});

test('each reason is of a check that is there', t => {
	const ids = new Set(allMutants().map(one => one.id));
	t.deepEqual(
		Object.entries(reasons).filter(([id, reason]) => !ids.has(id) || reason.length < 20),
		[],
	);
});

test('a pattern that matches no file is an error', t => {
	t.throws(() => allMutants(['harness/worker/{conclusion,nothing}.ts']), {
		message: "'harness/worker/nothing.ts' matches no file",
	});
});

test('whatever a killed runner has started or left in the temporary folder ends with it', async t => {
	await withDir(
		async ({ path: folder }) => {
			const [file, pidFile, madeFile] = ['kills-itself.mjs', 'pid', 'made'].map(name => path.join(folder, name));
			writeFileSync(
				file!,
				`import test from 'ava';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
test('starts a program and dies', () => {
	writeFileSync(${JSON.stringify(madeFile)}, mkdtempSync(tmpdir() + '/left-'));
	writeFileSync(${JSON.stringify(pidFile)}, String(spawn('sleep', ['600']).pid));
	process.kill(process.pid, 'SIGKILL');
});
`,
			);
			const root = path.resolve(import.meta.dirname, '../..');
			const [answered] = await withRunners(root, 1, [path.relative(root, file!)], async (one, ask) =>
				ask({ tests: [one] }, 600_000),
			);
			t.is(answered?.red?.title, 'the process ended');
			const status = `/proc/${readFileSync(pidFile!, 'utf8')}/status`;
			const look = async () => {
				const state = await readFile(status, 'utf8').catch(() => 'State:\tX');
				return /^State:\t[ZX]/m.test(state) ? true : undefined;
			};
			t.false(existsSync(readFileSync(madeFile!, 'utf8')));
			t.true(await poll('the end of the program', look, { timeoutMs: 60_000, everyMs: 50 }));
		},
		{ unsafeCleanup: true },
	);
});
