import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
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

/** A pipeline that makes its child pipeline, as docs/labs.md has it. `more` is added to the child's first part. */
const parent = (more: string) => `
jobs:
  script:
    - ${vpmu} jobs gitlab pmu/tcg-counts --machine virt,virt-9.2 --accel tcg --on local --host amd=x86_64 --shards 2 --vpmu '${vpmu}' --parent-job jobs --out vpmu-jobs
    - ${more}
  artifacts: { paths: [vpmu-jobs] }
nightly:
  needs: [jobs]
  trigger:
    include: [{ artifact: vpmu-jobs/gitlab-ci.yml, job: jobs }]
    strategy: depend
  variables: { PARENT_PIPELINE_ID: $CI_PIPELINE_ID }
`;

/** Runs the pipeline of a repository to its end. */
async function pipeline(
	t: ExecutionContext,
	more: string,
): Promise<{ folder: string; status: number | null; said: string }> {
	const folder = await temporaryFolder(t);
	const [repository, tools] = [path.join(folder, 'repository'), path.join(folder, 'fake-tools')];
	for (const one of [repository, tools]) mkdirSync(one);
	writeFileSync(path.join(tools, 'rsync'), fakeRsync, { mode: 0o755 });
	writeFileSync(path.join(repository, '.gitlab-ci.yml'), parent(more));
	const git = (...argv: string[]) =>
		execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...argv], { cwd: repository });
	git('init', '--quiet');
	git('add', '.');
	git('commit', '--quiet', '--message', 'test');
	const program = path.join(root, 'node_modules', 'gitlab-ci-local', 'dist', 'index.js');
	const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--force-shell-executor', '--no-color'], {
		...{ cwd: repository, encoding: 'utf8', timeout: 500_000 },
		env: { ...userEnvironment(), PATH: `${tools}:${process.env.PATH}` },
	});
	return { folder: repository, status, said: `${stdout}${stderr}` };
}

test.serial('GitLab runs both parts of a generated pipeline with real guests, and merges them', async t => {
	const { folder, status, said } = await pipeline(t, 'echo the plan is frozen');
	t.is(status, 0, said);
	const results = JSON.parse(readFileSync(path.join(folder, 'vpmu-run/amd/results.json'), 'utf8')) as Results;
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
	const { said } = await pipeline(
		t,
		`sed -i 's/vpmu-parts.amd-1 || status/lost-\\$RANDOM || status/' vpmu-jobs/gitlab-ci.yml`,
	);
	// gitlab-ci-local reports a child's failure and ends with 0 all the same; GitLab has 'strategy: depend'.
	t.regex(said, /FAIL\W+amd merge/);
	t.regex(said, /'vpmu-parts\/amd-1' is not the folder of a run/);
});
