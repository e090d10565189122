import { stringify } from 'yaml';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { attempt, indices, type JobSet, jobSetsOf } from './job-set.ts';
import type { githubOptions } from './options.ts';
import { writeJobs } from './write.ts';

/** `vpmu jobs github`. */
export async function github(context: CommandContext, given: Given<typeof githubOptions>): Promise<number> {
	const sets = await jobSetsOf(context, given);
	const header = '# Made by vpmu jobs github; belongs into .github/workflows.\n';
	const text = `${header}${stringify(workflowOf(sets, given.options.nightly), { lineWidth: 0, aliasDuplicateObjects: false })}`;
	return await writeJobs(context, given.options.out, sets, { 'github-workflow.yml': text });
}

/** A workflow that runs the parts and merges them. Pure. */
export function workflowOf(sets: readonly JobSet[], cron?: string): object {
	return {
		name: 'vpmu',
		on: { workflow_dispatch: {}, ...(cron === undefined ? {} : { schedule: [{ cron }] }) },
		permissions: { contents: 'read' },
		jobs: Object.assign({}, ...sets.map(jobsOf)),
	};
}

const { infrastructure, lockBusy } = exitCodes;

const expression = (text: string) => `\${{ ${text} }}`;

function jobsOf(set: JobSet, place: number): object {
	const { name, count, tags, setup } = set;
	// Ids of jobs have letters, digits, `_` and `-`.
	const id = `part-${place + 1}-${name.replaceAll('.', '_')}`;
	const runsOn = tags.length === 0 ? 'ubuntu-24.04' : ['self-hosted', ...tags];
	const shard = expression('matrix.shard');
	const prepared = [
		{ uses: 'actions/checkout@v4' },
		...(setup.length === 0 ? [] : [{ name: 'set up', run: `${setup.join('\n')}\n` }]),
	];
	const out = `vpmu-parts/${name}-$SHARD`;
	const whole = `vpmu-run/${name}`;
	const part = {
		name: `${name} ${shard}/${count}`,
		'runs-on': runsOn,
		strategy: { 'fail-fast': false, matrix: { shard: indices(set) } },
		// One job at a time per host: several hosts of a kind share the parts, and vpmu itself locks each host's
		// counters.
		concurrency: { group: `vpmu-${name}-${shard}`, 'cancel-in-progress': false },
		'timeout-minutes': 350,
		env: { SHARD: shard },
		steps: [
			...prepared,
			{
				name: 'run',
				run: lines([
					...withoutCommands(attempt(set.part('$SHARD', out), out)),
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
		needs: [id],
		if: expression('!cancelled()'),
		'runs-on': 'ubuntu-24.04',
		'timeout-minutes': 60,
		steps: [
			...prepared,
			{ uses: 'actions/download-artifact@v4', with: { pattern: `${name}-*`, path: 'vpmu-parts' } },
			{
				name: 'merge',
				run: lines([
					...withoutCommands(attempt(set.merge(folders, whole), whole)),
					// Larger files are refused as a whole.
					`if [ -e ${whole}/results.json ]; then ${set.report(whole, 'markdown')} | head -c 1000000 >> "$GITHUB_STEP_SUMMARY"; ${set.report(whole, 'github')}; fi`,
					`case $status in ${infrastructure}|${lockBusy}) echo "::error title=vpmu ${name}::no verdict: the infrastructure failed (exit status $status)";; esac`,
					'exit $status',
				]),
			},
			{
				uses: 'actions/upload-artifact@v4',
				if: 'always()',
				with: { name: `vpmu-${name}`, path: whole, 'if-no-files-found': 'warn' },
			},
		],
	};
	return { [id]: part, [`merge-${place + 1}-${name.replaceAll('.', '_')}`]: merge };
}

/** A run's output contains text of guests, which must not be read as commands of the workflow. */
function withoutCommands(script: readonly string[]): string[] {
	const token = "token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')";
	return [token, 'echo "::stop-commands::$token"', ...script, 'echo "::$token::"'];
}

const lines = (texts: readonly string[]) => `${texts.join('\n')}\n`;
