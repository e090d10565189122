import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { Results } from '../../src/run/index.ts';
import { temporaryFolder, userEnvironment } from '../testing/vpmu.ts';

const root = path.resolve(import.meta.dirname, '../..');
const vpmu = `${process.execPath} ${path.join(root, 'harness', 'bin.mjs')}`;

/**
 * gitlab-ci-local exports artifacts with rsync, which few machines have: this one copies what it is asked for, and makes the
 * copy of the sources that only containers use, an empty folder.
 */
const fakeRsync = `#!/bin/sh
for last; do :; done
mkdir -p "$last"
for word; do
	case $word in --files-from=*) tar -cf - -T "\${word#*=}" | tar -xf - -C "$last" ;; esac
done
`;

/** A pipeline that makes its child pipeline, as docs/labs.md has it. */
const parent = (...script: readonly string[]) => `
jobs:
  script:
${script.map(line => `    - ${JSON.stringify(line)}\n`).join('')}
  artifacts: { paths: [vpmu-jobs] }
nightly:
  needs: [jobs]
  trigger:
    include: [{ artifact: vpmu-jobs/gitlab-ci.yml, job: jobs }]
    strategy: depend
  variables: { PARENT_PIPELINE_ID: $CI_PIPELINE_ID }
`;

const jobs = `${vpmu} jobs gitlab --accel tcg --on local --host amd=x86_64 --vpmu '${vpmu}' --parent-job jobs --out vpmu-jobs`;

/** Commits all files of a folder, which becomes a git tree. */
function commit(folder: string, message = 'test'): string {
	const git = (...argv: string[]) =>
		execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...argv], {
			...{ cwd: folder, encoding: 'utf8' },
		}).trim();
	git('init', '--quiet');
	git('add', '.');
	git('commit', '--quiet', '--message', message);
	return git('rev-parse', 'HEAD');
}

interface PipelineEnd {
	readonly status: number | null;
	readonly said: string;
}

/** Makes a repository with a pipeline, in a folder. */
function newRepository(folder: string, pipeline: string): { repository: string; run: () => PipelineEnd } {
	const [repository, tools] = [path.join(folder, 'repository'), path.join(folder, 'fake-tools')];
	for (const one of [repository, tools]) mkdirSync(one);
	writeFileSync(path.join(tools, 'rsync'), fakeRsync, { mode: 0o755 });
	writeFileSync(path.join(repository, '.gitlab-ci.yml'), pipeline);
	commit(repository);
	return { repository, run: () => runPipeline(repository, tools) };
}

/** Runs the pipeline of a repository to its end. */
function runPipeline(repository: string, tools: string): PipelineEnd {
	const program = path.join(root, 'node_modules', 'gitlab-ci-local', 'dist', 'index.js');
	const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--force-shell-executor', '--no-color'], {
		...{ cwd: repository, encoding: 'utf8', timeout: 500_000 },
		env: { ...userEnvironment(), VPMU_STATE: undefined, PATH: `${tools}:${process.env.PATH}` },
	});
	return { status, said: `${stdout}${stderr}` };
}

test.serial('GitLab runs both parts of a generated pipeline with real guests, and merges them', async t => {
	const two = `${jobs} pmu/tcg-counts --machine virt,virt-9.2 --shards 2`;
	const { repository, run } = newRepository(await temporaryFolder(t), parent(two));
	const { status, said } = run();
	t.is(status, 0, said);
	const results = JSON.parse(readFileSync(path.join(repository, 'vpmu-run/amd/results.json'), 'utf8')) as Results;
	t.deepEqual(
		results.cells.map(({ status, part }) => [status, part]),
		[
			['pass', 1],
			['pass', 2],
		],
	);
	// Which part gets which cell depends on how long the cells took on this machine before.
	t.deepEqual(results.cells.map(({ machine }) => machine).toSorted(), ['virt', 'virt-9.2']);
	t.is(results.run.parts?.length, 2);
});

test.serial('a pipeline of which one part is missing fails, and says which', async t => {
	// The first part runs, and leaves nothing.
	const lost = `sed -i 's/vpmu-parts.amd-1 || status/lost-\\$RANDOM || status/' vpmu-jobs/gitlab-ci.yml`;
	const two = `${jobs} pmu/tcg-counts --machine virt,virt-9.2 --shards 2`;
	const { said } = newRepository(await temporaryFolder(t), parent(two, lost)).run();
	// gitlab-ci-local reports a child's failure and ends with 0 all the same; GitLab has 'strategy: depend'.
	t.regex(said, /FAIL\W+amd merge/);
	t.regex(said, /there is no run folder 'vpmu-parts\/amd-1'/);
});

test.serial(
	'a nightly pipeline remembers the last night, runs a new failure again, bisects it, and posts it',
	async t => {
		const folder = await temporaryFolder(t);
		const [tree, built, posted] = ['tree', 'built', 'posted'].map(name => path.join(folder, name)) as [
			...[string, string, string],
		];
		mkdirSync(path.join(folder, 'cases', 'own'), { recursive: true });
		writeFileSync(
			path.join(folder, 'cases', 'own', 'state.ts'),
			`import { readFileSync } from 'node:fs';
import { pmuTest } from 'vpmu/test';

pmuTest('what was built is good', { accel: ['tcg'] }, async (t, cell) => {
	await cell.startWithoutBoot();
	t.not(readFileSync('${built}', 'utf8'), 'bad', 'what was built is broken');
});
`,
		);
		const build = `cp ${tree}/state ${built}`;
		const { run } = newRepository(
			folder,
			parent(
				build,
				`${jobs} own/state --cases ${folder}/cases --qemu debian:trixie --machine virt --night --tree ${tree} --build '${build}' --post 'cat "$VPMU_MAIL" > ${posted}' --label commit=$(git -C ${tree} rev-parse HEAD)`,
			),
		);
		mkdirSync(tree);
		const commits = ['good', 'better'].map(state => {
			writeFileSync(path.join(tree, 'state'), state);
			return commit(tree, state);
		});
		const first = run();
		t.is(first.status, 0, first.said);
		t.regex(first.said, /amd: nothing new tonight/);
		t.false(existsSync(posted));
		for (const [file, text] of [
			['state', 'bad'],
			['other', ''],
		] as const) {
			writeFileSync(path.join(tree, file), text);
			commits.push(commit(tree, `changes ${file}`));
		}
		const { said } = run();
		t.regex(said, /FAIL\W+amd merge/);
		const told = readFileSync(posted, 'utf8');
		t.regex(told, /^amd: 1 new failure\n/, said);
		t.regex(told, /New: failed twice\nnew: own\/state\[local,debian:trixie,virt,tcg\]: what was built is broken/);
		t.true(told.replaceAll(/\s+/g, ' ').includes(`commit changed from ${commits[1]!} to ${commits[3]!}`), told);
		t.true(told.includes(`own/state[local,debian:trixie,virt,tcg]: first bad commit ${commits[2]!.slice(0, 7)}`), told);
	},
);
