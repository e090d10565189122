import { hostname } from 'node:os';

type Env = Readonly<Record<string, string | undefined>>;

/** Variables by which an engine tells a job who runs it: the first engine whose `known` variable is set. */
const engines: readonly {
	readonly engine: string;
	readonly known: string;
	readonly variables: Readonly<Record<string, string>>;
}[] = [
	{
		...{ engine: 'gitlab', known: 'GITLAB_CI' },
		variables: {
			...{ job: 'CI_JOB_URL', jobName: 'CI_JOB_NAME', pipeline: 'CI_PIPELINE_URL', commit: 'CI_COMMIT_SHA' },
			...{ runner: 'CI_RUNNER_DESCRIPTION', runnerId: 'CI_RUNNER_ID', tags: 'CI_RUNNER_TAGS' },
		},
	},
	{
		...{ engine: 'github', known: 'GITHUB_ACTIONS' },
		variables: {
			...{ server: 'GITHUB_SERVER_URL', repository: 'GITHUB_REPOSITORY', run: 'GITHUB_RUN_ID' },
			...{ attempt: 'GITHUB_RUN_ATTEMPT', jobName: 'GITHUB_JOB', commit: 'GITHUB_SHA', runner: 'RUNNER_NAME' },
		},
	},
	{
		...{ engine: 'slurm', known: 'SLURM_JOB_ID' },
		variables: {
			...{ job: 'SLURM_JOB_ID', array: 'SLURM_ARRAY_JOB_ID', task: 'SLURM_ARRAY_TASK_ID', runner: 'SLURMD_NODENAME' },
			...{ cluster: 'SLURM_CLUSTER_NAME', partition: 'SLURM_JOB_PARTITION', attempt: 'SLURM_RESTART_COUNT' },
		},
	},
	{ engine: 'lava', known: 'LAVA_JOB_ID', variables: { job: 'LAVA_JOB_ID', runner: 'LAVA_DEVICE' } },
	{
		...{ engine: 'buildkite', known: 'BUILDKITE' },
		variables: { job: 'BUILDKITE_BUILD_URL', runner: 'BUILDKITE_AGENT_NAME', commit: 'BUILDKITE_COMMIT' },
	},
	{
		...{ engine: 'circleci', known: 'CIRCLECI' },
		variables: { job: 'CIRCLE_BUILD_URL', jobName: 'CIRCLE_JOB', commit: 'CIRCLE_SHA1' },
	},
	{
		...{ engine: 'jenkins', known: 'JENKINS_URL' },
		variables: { job: 'BUILD_URL', jobName: 'JOB_NAME', runner: 'NODE_NAME', commit: 'GIT_COMMIT' },
	},
];

/** Who runs this run: the machine's name, and what the engine that started it says. Pure but for the machine's name. */
export function runnerOf(env: Env, host = hostname()): Record<string, string> {
	const found = engines.find(({ known }) => env[known]);
	const told = Object.entries(found?.variables ?? {}).flatMap(([name, variable]) => {
		const value = env[variable]?.replaceAll(/\p{C}+/gu, ' ').slice(0, 300);
		return value ? [[name, value] as const] : [];
	});
	return { host, ...(found === undefined ? {} : { engine: found.engine }), ...Object.fromEntries(told) };
}
