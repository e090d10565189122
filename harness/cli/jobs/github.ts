import { stringify } from 'yaml';
import { quoteCommand, UsageError } from '../../../src/lib/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { isCron } from './cron.ts';
import { attempt, indices, type JobSet, jobSetsOf } from './job-set.ts';
import { readNight } from './night.ts';
import type { githubOptions } from './options.ts';
import { writeJobs } from './write.ts';

/** `vpmu jobs github`. */
export async function github(context: CommandContext, given: Given<typeof githubOptions>): Promise<number> {
	const { nightly: cron, night } = given.options;
	if (cron !== undefined && !isCron(cron)) {
		throw new UsageError(
			`'${cron}' of option '--nightly' is not a line of cron; allowed: minute, hour, day, month and day of the week, such as '17 2 * * *'`,
		);
	}
	const plan = readNight(given.options, night || cron !== undefined);
	const { built, tree } = given.options;
	const builds = plan !== undefined && plan.build.length > 0;
	if (builds !== (built !== undefined)) {
		throw new UsageError("options '--build LINE' and '--built PATH' of 'vpmu jobs github' need each other");
	}
	const sets = await jobSetsOf(context, given, plan);
	const header = '# Made by vpmu jobs github; belongs into .github/workflows.\n';
	const text = `${header}${stringify(
		workflowOf(sets, {
			cron,
			posts: plan?.post !== undefined,
			built: builds ? { lines: plan.build, paths: built!, tree: tree! } : undefined,
		}),
		{ lineWidth: 0, aliasDuplicateObjects: false },
	)}`;
	return await writeJobs(context, given.options.out, sets, { 'github-workflow.yml': text });
}

interface WorkflowOptions {
	/** When to start it. */
	readonly cron?: string | undefined;
	/** What is new is posted, which needs more than to read. */
	readonly posts: boolean;
	/** A job builds and plans before the parts. */
	readonly built?: Built | undefined;
}

/** What the first job builds, and what the others need of it. */
interface Built {
	readonly lines: readonly string[];
	readonly paths: readonly string[];
	readonly tree: string;
}

/** A workflow that runs the parts and merges them. Pure. */
export function workflowOf(sets: readonly JobSet[], options: WorkflowOptions): object {
	const { cron, built } = options;
	return {
		name: 'vpmu',
		on: { workflow_dispatch: {}, ...(cron === undefined ? {} : { schedule: [{ cron }] }) },
		permissions: { contents: 'read' },
		jobs: Object.assign(
			built === undefined ? {} : { build: buildOf(sets, built) },
			...sets.map((set, place) => jobsOf(set, place, options)),
		),
	};
}

const { infrastructure, lockBusy } = exitCodes;

const expression = (text: string) => `\${{ ${text} }}`;

/** The runners of a set. */
const runnersOf = ({ tags }: JobSet) => (tags.length === 0 ? 'ubuntu-24.04' : ['self-hosted', ...tags]);

/** The first steps of every job. */
const preparedBy = ({ setup }: JobSet) => [
	{ uses: 'actions/checkout@v4' },
	...(setup.length === 0 ? [] : [{ name: 'set up', run: lines(setup) }]),
];

const archive = 'vpmu-built.tar.gz';

/** Builds what is under test, and plans with it. Artifacts of GitHub lose modes and links, so it is one archive. */
function buildOf(sets: readonly JobSet[], { lines: built, paths, tree }: Built): object {
	const first = sets[0]!;
	return {
		name: 'build',
		'runs-on': runnersOf(first),
		outputs: { commit: expression('steps.build.outputs.commit') },
		'timeout-minutes': 350,
		steps: [
			...preparedBy(first),
			{
				name: 'build',
				id: 'build',
				run: lines([
					...['(', ...built, ')'],
					...sets.map(({ replan }) => replan),
					`echo "commit=$(${quoteCommand(['git', '-C', tree, 'rev-parse', 'HEAD'])})" >> "$GITHUB_OUTPUT"`,
					`tar -czf ${archive} ${quoteCommand([...sets.map(({ planPath }) => planPath), ...paths])}`,
				]),
			},
			{ uses: 'actions/upload-artifact@v4', with: { name: 'vpmu-built', path: archive } },
		],
	};
}

function jobsOf(set: JobSet, place: number, { posts, built }: WorkflowOptions): object {
	const { name, count } = set;
	const [whole, night] = set.left;
	// Ids of jobs have letters, digits, `_` and `-`.
	const id = `part-${place + 1}-${name.replaceAll('.', '_')}`;
	const runsOn = runnersOf(set);
	const shard = expression('matrix.shard');
	const prepared = [
		...preparedBy(set),
		...(built === undefined
			? []
			: [
					{ uses: 'actions/download-artifact@v4', with: { name: 'vpmu-built' } },
					{ name: 'unpack', run: `tar -xzf ${archive}\n` },
				]),
	];
	const label = built === undefined ? '' : ' --label "commit=$COMMIT"';
	const out = `vpmu-parts/${name}-$SHARD`;
	const part = {
		name: `${name} ${shard}/${count}`,
		'runs-on': runsOn,
		strategy: { 'fail-fast': false, matrix: { shard: indices(set) } },
		// One job at a time per host: several hosts of a kind share the parts, and vpmu itself locks each host's
		// counters.
		concurrency: { group: `vpmu-${name}-${shard}`, 'cancel-in-progress': false },
		'timeout-minutes': 350,
		...(built === undefined ? {} : { needs: ['build'] }),
		env: { SHARD: shard, ...(built === undefined ? {} : { COMMIT: expression('needs.build.outputs.commit') }) },
		steps: [
			...prepared,
			{
				name: 'run',
				run: lines([
					...withoutCommands(attempt(`${set.part('$SHARD', out)}${label}`, out)),
					// A part without a verdict neither passes nor fails: the merge reports what is missing.
					`case $status in ${infrastructure}|${lockBusy}) echo "::warning title=vpmu ${name} $SHARD/${count}::no verdict: the infrastructure failed (exit status $status)"; exit 0;; esac`,
					'exit $status',
				]),
			},
			{
				uses: 'actions/upload-artifact@v4',
				if: 'always()',
				with: { name: `${name}-${shard}`, path: `vpmu-parts/${name}-${shard}`, 'if-no-files-found': 'warn' },
			},
		],
	};
	const folders = indices(set).map(index => `vpmu-parts/${name}-${index}`);
	const merge = {
		name: `${name} merge`,
		needs: [...(built === undefined ? [] : ['build']), id],
		if: expression(built === undefined ? '!cancelled()' : "!cancelled() && needs.build.result == 'success'"),
		// New failures of a night run again, on a host of the same kind.
		'runs-on': night === undefined ? 'ubuntu-24.04' : runsOn,
		...(posts
			? { permissions: { contents: 'read', issues: 'write' }, env: { GH_TOKEN: expression('github.token') } }
			: {}),
		'timeout-minutes': night === undefined ? 60 : 350,
		steps: [
			...prepared,
			{ uses: 'actions/download-artifact@v4', with: { pattern: `${name}-*`, path: 'vpmu-parts' } },
			...(night === undefined ? [] : [restore(name)]),
			{
				name: 'merge',
				run: lines([
					...withoutCommands(set.finish(folders)),
					...(night === undefined
						? []
						: [`if [ -e ${night}/new.md ]; then cat ${night}/new.md >> "$GITHUB_STEP_SUMMARY"; fi`]),
					// Larger files are refused as a whole.
					`if [ -e ${whole}/results.json ]; then ${set.report(whole, 'markdown')} | head -c 1000000 >> "$GITHUB_STEP_SUMMARY"; ${set.report(whole, 'github')}; fi`,
					`case $status in ${infrastructure}|${lockBusy}) echo "::error title=vpmu ${name}::no verdict: the infrastructure failed (exit status $status)";; esac`,
					'exit $status',
				]),
			},
			{
				uses: 'actions/upload-artifact@v4',
				if: 'always()',
				with: { name: `vpmu-${name}`, path: set.left.join('\n'), 'if-no-files-found': 'warn' },
			},
			...(night === undefined ? [] : [save(name)]),
		],
	};
	return { [id]: part, [`merge-${place + 1}-${name.replaceAll('.', '_')}`]: merge };
}

const state = (name: string) => `vpmu-state-${name}-`;

/** Gets what earlier nights were like: the newest entry whose key begins so. */
const restore = (name: string) => ({
	uses: 'actions/cache/restore@v4',
	with: { path: 'vpmu-state', key: `${state(name)}${expression('github.run_id')}`, 'restore-keys': state(name) },
});

/** Entries are never changed: each attempt has a key of its own. */
const save = (name: string) => ({
	uses: 'actions/cache/save@v4',
	if: 'always()',
	with: {
		path: 'vpmu-state',
		key: `${state(name)}${expression('github.run_id')}-${expression('github.run_attempt')}`,
	},
});

/** A run's output contains text of guests, which must not be read as commands of the workflow. */
function withoutCommands(script: readonly string[]): string[] {
	const token = "token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')";
	return [token, 'echo "::stop-commands::$token"', ...script, 'echo "::$token::"'];
}

const lines = (texts: readonly string[]) => `${texts.join('\n')}\n`;
