import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UsageError } from '../../src/lib/index.ts';
import { shippedCases } from '../usage/places.ts';
import { caseFiles, caseFolders, caseOfFile, namesOf } from './case-files.ts';

/** A temporary folder with these files. */
function tree(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
	const root = mkdtempSync(path.join(tmpdir(), 'vpmu test-'));
	t.teardown(() => rmSync(root, { recursive: true, force: true }));
	for (const [name, text] of Object.entries(files)) {
		mkdirSync(path.join(root, path.dirname(name)), { recursive: true });
		writeFileSync(path.join(root, name), text);
	}
	return root;
}

const ownOf = (cwd: string, given?: string, env = {}) => caseFolders({ cwd, env }, given).own;

test('a project with vpmu installed brings its own cases, whatever folder of it vpmu is started in', t => {
	const declared = tree(t, { 'package.json': '{ "devDependencies": { "vpmu": "1" } }', 'cases/mine/x.ts': '' });
	t.is(ownOf(declared), path.join(declared, 'cases'));
	t.is(ownOf(path.join(declared, 'cases', 'mine')), path.join(declared, 'cases'));
	const linked = tree(t, { 'node_modules/vpmu/package.json': '{}', 'packages/a/package.json': '{}', 'cases/x.ts': '' });
	t.is(ownOf(path.join(linked, 'packages', 'a')), path.join(linked, 'cases'));
});

test("a folder that is called cases but is not a project's is ignored", t => {
	t.is(ownOf(tree(t, { 'package.json': '{ "name": "law" }', 'cases/smith.ts': '' })), null);
	t.is(ownOf(tree(t, { 'package.json': 'not JSON', 'cases/smith.ts': '' })), null);
	t.is(ownOf(tree(t, { 'package.json': '{ "dependencies": { "vpmu": "1" } }', cases: 'a file' })), null);
	t.is(ownOf(path.dirname(shippedCases)), null);
});

test('--cases outranks VPMU_CASES, which outranks the project; both are relative to the current folder', t => {
	const root = tree(t, {
		'package.json': '{ "dependencies": { "vpmu": "1" } }',
		'cases/x.ts': '',
		'a/x.ts': '',
		'b/x.ts': '',
	});
	t.is(ownOf(root, 'a', { VPMU_CASES: 'b' }), path.join(root, 'a'));
	t.is(ownOf(root, undefined, { VPMU_CASES: 'b' }), path.join(root, 'b'));
	t.is(ownOf(root, undefined, { VPMU_CASES: '' }), path.join(root, 'cases'));
	t.is(ownOf(root, shippedCases), null);
});

test('a named folder that does not exist is bad usage', t => {
	const root = tree(t, { file: '' });
	const thrown = (given: string | undefined, env = {}) =>
		t.throws(() => ownOf(root, given, env), { instanceOf: UsageError }).message;
	t.regex(thrown('nowhere'), /'nowhere' of option '--cases' does not exist/);
	t.regex(thrown('file'), /'file' of option '--cases' is not a folder/);
	t.regex(thrown(undefined, { VPMU_CASES: 'mycases' }), /'mycases' of VPMU_CASES does not exist/);
});

test('file names tell cases from helpers, types, packages and hidden files', t => {
	const own = tree(t, {
		...{ 'mine/x.ts': '', 'mine/deep/y.mts': '', 'z.js': '', 'w.mjs': '', 'mine/_helper.ts': '', 'types.d.ts': '' },
		...{ 'node_modules/p/index.js': '', '.git/x.js': '', '_lib/x.ts': '', 'notes.md': '' },
	});
	const files = caseFiles({ own, shipped: shippedCases });
	const mine = [...files].filter(([, file]) => file.folder === own).map(([name]) => name);
	t.deepEqual(mine, ['mine/deep/y', 'mine/x', 'w', 'z']);
	t.deepEqual(files.get('pmu/default-counts')?.folder, null);
});

test('two files with the same case name are bad usage', t => {
	const shadow = tree(t, { 'pmu/default-counts.ts': '' });
	t.throws(() => caseFiles({ own: shadow, shipped: shippedCases }), {
		instanceOf: UsageError,
		message: /is named 'pmu\/default-counts', but vpmu ships a case of that name; rename the file/,
	});
	const twice = tree(t, { 'x.ts': '', 'x.js': '' });
	t.throws(() => caseFiles({ own: twice, shipped: shippedCases }), {
		message: /is named 'x', but so is .*x\.js; rename/,
	});
});

test('cases can be named by their files too', t => {
	const own = tree(t, { 'mine/x.ts': '' });
	const files = caseFiles({ own, shipped: shippedCases });
	t.deepEqual(namesOf(['mine/x.ts', 'pmu/*', path.join(own, 'mine/x.ts')], files, own), ['mine/x', 'pmu/*', 'mine/x']);
});

test('a file given to AVA directly tells its case', t => {
	t.deepEqual(caseOfFile(path.join(shippedCases, 'pmu', 'a.ts')), { name: 'pmu/a', folder: null });
	t.deepEqual(caseOfFile('/p/cases/mine/deep/x.mts'), { name: 'mine/deep/x', folder: '/p/cases' });
	t.deepEqual(caseOfFile('/p/tests/mine/x.js'), { name: 'mine/x', folder: '/p/tests' });
});
