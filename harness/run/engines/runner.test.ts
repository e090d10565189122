import test from 'ava';
import { runnerOf } from './runner.ts';

test('the job, the runner and the commit of a run are read from the variables of its CI engine', t => {
	const gitlab = { GITLAB_CI: 'true', CI_JOB_URL: 'https://x/1', CI_RUNNER_DESCRIPTION: 'lab-3', CI_COMMIT_SHA: 'abc' };
	t.deepEqual(runnerOf(gitlab, 'h'), {
		host: 'h',
		engine: 'gitlab',
		job: 'https://x/1',
		commit: 'abc',
		runner: 'lab-3',
	});
	const slurm = { SLURM_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '2', SLURMD_NODENAME: 'n1' };
	t.deepEqual(runnerOf(slurm, 'h'), { host: 'h', engine: 'slurm', job: '7', task: '2', runner: 'n1' });
	t.deepEqual(runnerOf({ GITHUB_ACTIONS: 'true', RUNNER_NAME: 'r', GITHUB_TOKEN: 'secret' }, 'h'), {
		...{ host: 'h', engine: 'github', runner: 'r' },
	});
	t.deepEqual(runnerOf({ CI: 'true', CI_JOB_TOKEN: 'secret' }, 'h'), { host: 'h' });
});

test('what an engine says is one short line', t => {
	const { runner } = runnerOf({ GITLAB_CI: '1', CI_RUNNER_DESCRIPTION: `a\n\u001b[31mb${'x'.repeat(9999)}` }, 'h');
	t.regex(runner!, /^a \[31mbx+$/);
	t.is(runner!.length, 300);
});
