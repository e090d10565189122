import { stringify } from 'yaml';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { attempt, indices, type JobSet, jobSetsOf } from './job-set.ts';
import { readNight } from './night.ts';
import type { gitlabOptions } from './options.ts';
import { writeJobs } from './write.ts';

/** Exit statuses that do not concern the thing under test. */
const infrastructure = { exit_codes: [exitCodes.infrastructure, exitCodes.lockBusy] };

/** `vpmu jobs gitlab`. */
export async function gitlab(context: CommandContext, given: Given<typeof gitlabOptions>): Promise<number> {
	const sets = await jobSetsOf(context, given, readNight(given.options));
	const parent = given.options['parent-job'];
	const header =
		parent === undefined
			? '# Made by vpmu jobs gitlab.\n'
			: `# Made by vpmu jobs gitlab. The job that triggers it has 'variables: PARENT_PIPELINE_ID: $CI_PIPELINE_ID'.\n`;
	const text = `${header}${stringify(pipelineOf(sets, parent), { lineWidth: 0, aliasDuplicateObjects: false })}`;
	return await writeJobs(context, given.options.out, sets, { 'gitlab-ci.yml': text });
}

/** A pipeline that runs the parts and merges them. Pure. */
export function pipelineOf(sets: readonly JobSet[], parentJob?: string): object {
	return {
		stages: ['parts', 'merge'],
		...Object.assign({}, ...sets.map(set => jobsOf(set, parentJob))),
	};
}

function jobsOf(set: JobSet, parentJob: string | undefined): object {
	const { name, count, tags, setup } = set;
	const fromParent =
		parentJob === undefined ? [] : [{ pipeline: '$PARENT_PIPELINE_ID', job: parentJob, artifacts: true }];
	const folders = indices(set).map(index => `vpmu-parts/${name}-${index}`);
	const common = { ...(tags.length === 0 ? {} : { tags }), ...(setup.length === 0 ? {} : { before_script: setup }) };
	const parts = indices(set).map((index, place) => {
		const out = folders[place]!;
		return [
			jobName(name, index, count),
			{
				stage: 'parts',
				...common,
				...(fromParent.length === 0 ? { needs: [] } : { needs: fromParent }),
				// One job at a time per host: several hosts of a kind share the parts, and vpmu itself locks each
				// host's counters.
				resource_group: count === 1 ? `vpmu-${name}` : `vpmu-${name}-${index}`,
				script: [...attempt(set.part(String(index), out), out), 'exit $status'],
				// A job that found the counters in use is retried.
				retry: { max: 2, when: ['runner_system_failure'], exit_codes: [exitCodes.lockBusy] },
				allow_failure: infrastructure,
				artifacts: { when: 'always', paths: [out] },
			},
		];
	});
	const [out] = set.left;
	const merge = {
		stage: 'merge',
		...common,
		needs: [...indices(set).map(index => ({ job: jobName(name, index, count), artifacts: true })), ...fromParent],
		when: 'always',
		script: [...set.finish(folders), 'exit $status'],
		allow_failure: infrastructure,
		artifacts: { when: 'always', paths: set.left, reports: { junit: `${out}/junit.xml` } },
		...(set.night === undefined ? {} : nightly(name)),
	};
	return { ...Object.fromEntries(parts), [`${name} merge`]: merge };
}

/** What the merge of a nightly run needs besides: it runs cells again, and remembers earlier nights. */
const nightly = (name: string) => ({
	resource_group: `vpmu-${name}-merge`,
	cache: { key: `vpmu-state-${name}`, paths: ['vpmu-state'], when: 'always' },
});

const jobName = (name: string, index: number, count: number) => `${name} ${index}/${count}`;
