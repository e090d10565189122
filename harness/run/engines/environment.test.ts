import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { localHost } from '../../../src/host/index.ts';
import { temporaryFolder } from '../../../test/testing/vpmu.ts';
import { runAva } from '../rounds/ava.ts';
import { removedVariables, setVariables } from './environment.ts';

/** What else AVA, zx, Node and what they are built on read, and why it does no harm. */
const harmless: readonly (readonly [names: RegExp, why: string])[] = [
	[/^(CI|CI_NAME|CI_APP_ID|CI_BUILD_(ID|NUMBER)|BUILD_(ID|NUMBER)|CONTINUOUS_INTEGRATION|RUN_ID)$/, 'AVA_FORCE_CI'],
	[/^(CI_NODE|CIRCLE_NODE|BITBUCKET_PARALLEL|BUILDKITE_PARALLEL|SEMAPHORE)_/, 'utilizeParallelBuilds: false'],
	[/^GITLAB_CI$/, 'read only where a file is to be dropped'],
	[/^(TEAMCITY_VERSION|COLORTERM|TERM|TERM_PROGRAM(_VERSION)?|NODE_DISABLE_COLORS)$/, 'FORCE_COLOR is before them'],
	[/^(ConEmuTask|TERMINAL_EMULATOR|TERMINUS_SUBLIME|WT_SESSION)$/, 'of Windows'],
	[/^(PATHEXT|NODE_PENDING_PIPE_INSTANCES|_ISEXE_TEST_PLATFORM_)$/, 'of Windows'],
	[/^NODE_BINDINGS_COMPILED_DIR$/, 'for building native modules, of which there are none'],
	[/^ZX_/, 'each of its options is given: src/image/cache/tool.test.ts'],
	[/^NODE_REPL_/, 'of the interactive Node'],
	[/^(PATH|TZ|NODE_ENV|NODE_PATH|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED)$/, "wanted: the user's own"],
	[
		/^(DEBUG|NODE_DEBUG(_NATIVE)?|NODE_V8_COVERAGE|NODE_PENDING_DEPRECATION|NODE_NO_WARNINGS)$/,
		'wanted: for debugging',
	],
	[/^(UV_THREADPOOL_SIZE|NODE_SKIP_PLATFORM_CHECK)$/, 'wanted: for odd machines'],
	[/^NODE_COMPILE_CACHE$/, 'set for each run'],
];

const packages = ['ava', 'ci-info', 'ci-parallel-vars', 'chalk', 'emittery', 'is-unicode-supported', 'zx'];

/** Names of variables that the code of a package reads. */
function variablesIn(name: string): string[] {
	const folder = path.join(path.dirname(fileURLToPath(import.meta.resolve('ava'))), '..', '..', name);
	const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
		// zx/build/vendor-extra is loaded by `zx`, not by `zx/core`.
		file => /\.[cm]?js$/.test(file) && !/node_modules|vendor-extra|media\/|browser/.test(file),
	);
	return files.flatMap(file => {
		const text = readFileSync(path.join(folder, file), 'utf8');
		return [
			...text.matchAll(/\benv\.(\w*[A-Z]\w*)\b(?!\()/g),
			...text.matchAll(/'(\w+)' in env\b/g),
			...text.matchAll(/const \{(\w+)\} = process\.env/g),
			...(name === 'ci-parallel-vars' ? text.matchAll(/(?:index|total): '(\w+)'/g) : []),
		].map(match => match[1]!);
	});
}

test('every variable that AVA, zx and Node read is removed, set, or known to do no harm', t => {
	const ofNode = [
		...execFileSync(process.execPath, ['--help'], { encoding: 'utf8' })
			.split('Environment variables:')[1]!
			.matchAll(/^([A-Z][A-Z0-9_]+)\b/gm),
	].map(match => match[1]!);
	t.true(ofNode.includes('NODE_EXTRA_CA_CERTS'));
	const read = new Set([...ofNode, ...packages.flatMap(variablesIn)]);
	t.true(
		['CI_NODE_TOTAL', 'SEMAPHORE_JOB_COUNT', 'FORCE_COLOR', 'AVA_FORCE_CI', 'TF_BUILD'].every(name => read.has(name)),
	);
	const unknown = [...read].filter(
		name => !(name in removedVariables) && !(name in setVariables) && !harmless.some(([names]) => names.test(name)),
	);
	t.deepEqual(unknown, []);
});

const noise = {
	...{
		CI: 'true',
		GITHUB_ACTIONS: 'true',
		TF_BUILD: 'True',
		AGENT_NAME: 'agent',
		FORCE_COLOR: '3',
		COLORTERM: 'truecolor',
	},
	...{
		AVA_FORCE_CI: 'ci',
		TEST_AVA: '1',
		AVA_FAKE_SCM_ROOT: '/',
		NODE_TEST_CONTEXT: 'child-v8',
		NODE_PRESERVE_SYMLINKS: '1',
	},
	...{
		NODE_OPTIONS: '--import=./no-such-file.mjs',
		NODE_REDIRECT_WARNINGS: 'warnings',
		NODE_ENV: 'production',
		DEBUG: '*',
	},
};

for (const [engine, own] of Object.entries({
	GitLab: { GITLAB_CI: 'true', CI_NODE_INDEX: '2', CI_NODE_TOTAL: '2' },
	CircleCI: { CIRCLECI: 'true', CIRCLE_NODE_INDEX: '1', CIRCLE_NODE_TOTAL: '2' },
	Bitbucket: { BITBUCKET_COMMIT: 'a', BITBUCKET_PARALLEL_STEP: '1', BITBUCKET_PARALLEL_STEP_COUNT: '2' },
	Buildkite: { BUILDKITE: 'true', BUILDKITE_PARALLEL_JOB: '1', BUILDKITE_PARALLEL_JOB_COUNT: '2' },
	Semaphore: { SEMAPHORE: 'true', SEMAPHORE_CURRENT_JOB: '1', SEMAPHORE_JOB_COUNT: '2' },
})) {
	test(`AVA runs every case file, without colours, under the variables of ${engine}`, async t => {
		const folder = await temporaryFolder(t);
		const file = path.join(folder, 'one.js');
		const told = path.join(folder, 'told.json');
		writeFileSync(
			file,
			`import { writeFileSync } from 'node:fs';
import test from ${JSON.stringify(import.meta.resolve('ava'))};
test('ran', t => { writeFileSync(${JSON.stringify(told)}, JSON.stringify(process.env)); t.pass(); });`,
		);
		const log = path.join(folder, 'log');
		await using host = localHost();
		const exit = await runAva(host, [['one', { path: file, folder: null }]], {
			...{ env: { ...noise, ...own }, folder: path.join(folder, 'ava'), log, concurrency: 1, keep: false },
			signal: new AbortController().signal,
		});
		const said = readFileSync(log, 'utf8');
		t.is(exit.status, 0, said);
		t.regex(said, /1 test passed/);
		t.false(said.includes('\u001b'), said);
		const env = JSON.parse(readFileSync(told, 'utf8')) as Record<string, string>;
		t.deepEqual(
			Object.keys(removedVariables).filter(name => name in env),
			[],
		);
		t.like(env, { ...setVariables, ...own, CI: 'true', NODE_ENV: 'production' });
	});
}
