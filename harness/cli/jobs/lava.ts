import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { UsageError } from '../../../src/lib/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { indices, type JobSet, jobSetsOf } from './job-set.ts';
import { againOf, type LavaOptions, submitOf } from './lava-night.ts';
import { readNight } from './night.ts';
import type { lavaOptions } from './options.ts';
import { writeJobs } from './write.ts';

/** `vpmu jobs lava`. */
export async function lava(context: CommandContext, given: Given<typeof lavaOptions>): Promise<number> {
	const night = readNight(given.options);
	const sets = await jobSetsOf(context, given, night);
	const { 'device-type': deviceType = 'ssh', publish, published = 'vpmu-parts' } = given.options;
	if (night !== undefined && publish === undefined) {
		throw new UsageError("option '--night' needs '--publish LINE', as the parts are merged elsewhere");
	}
	const files = sets.flatMap(set => [
		...indices(set).map(
			index =>
				[
					`${set.name}-${index}.yaml`,
					stringify(jobOf(set, index, { deviceType, publish }), { lineWidth: 0, aliasDuplicateObjects: false }),
				] as const,
		),
		...(set.night === undefined ? [[`${set.name}-merge.sh`, mergeOf(set)] as const] : []),
	]);
	const submit = night === undefined ? {} : { 'submit.sh': submitOf(sets, { published }) };
	return await writeJobs(context, given.options.out, sets, { ...Object.fromEntries(files), ...submit }, set =>
		againOf(set, { deviceType, publish, published }),
	);
}

/** Makes the job definition of one part. It contains the plan, since a device has no checkout. Pure. */
export function jobOf(set: JobSet, index: number, { deviceType, publish }: LavaOptions): object {
	const { name, count, tags, setup, plan } = set;
	const out = `vpmu-parts/${name}-${index}`;
	const packed = gzipSync(JSON.stringify(plan))
		.toString('base64')
		.replaceAll(/.{1,76}/g, '$&\n');
	const told = `vpmu ${name} ${index}/${count}`;
	const steps = [
		// A step that fails ends the steps, after which LAVA calls the job complete.
		`trap 'ended=$?; [ $ended = ${exitCodes.asPredicted} ] || lava-test-raise "${told}: no verdict, a step ended with exit status $ended"' EXIT`,
		...setup,
		`mkdir -p vpmu-parts`,
		// Devices may share this folder.
		`rm -rf ${out} ${out}.*`,
		`base64 -d > ${out}.gz <<'END'\n${packed}END`,
		`gzip -dc ${out}.gz > ${out}.plan.json`,
		// A run's output contains text of guests, which must not be read as signals. LAVA's shell has 'set -e'.
		`{ status=0; ${set.part(String(index), out, `${out}.plan.json`)} || status=$?; echo $status > ${out}.status; } 2>&1 | sed 's/<LAVA_/(LAVA_/g'`,
		`status=$(cat ${out}.status)`,
		`if [ -e ${out}/events.ndjson ]; then ${set.report(out, 'lava')}; fi`,
		...(publish === undefined ? [] : [`export VPMU_RUN=${out}`, `if [ -e ${out} ]; then ${publish}\nfi`]),
		// LAVA calls a job complete when its steps end, whatever their status.
		`case $status in ${exitCodes.asPredicted}|${exitCodes.failed}) ;; *) trap - EXIT; lava-test-raise "${told}: no verdict, exit status $status";; esac`,
	];
	return {
		...{ job_name: told, device_type: deviceType, ...(tags.length === 0 ? {} : { tags }) },
		...{ priority: 'medium', visibility: 'public' },
		timeouts: { job: { hours: 6 }, action: { minutes: 15 }, connection: { minutes: 5 } },
		metadata: { 'vpmu.division': plan.division, 'vpmu.part': `${index}/${count}` },
		actions: [
			{ deploy: { timeout: { minutes: 15 }, to: 'ssh', os: 'debian' } },
			{ boot: { timeout: { minutes: 15 }, method: 'ssh', connection: 'ssh', prompts: ['[#$] $'] } },
			{
				test: {
					timeout: { hours: 5 },
					definitions: [
						{
							...{ from: 'inline', name: 'vpmu', path: 'inline/vpmu.yaml' },
							repository: {
								metadata: {
									format: 'Lava-Test Test Definition 1.0',
									name: 'vpmu',
									description: `Part ${index} of ${count} of division ${plan.division}`,
								},
								run: { steps },
							},
						},
					],
				},
			},
		],
	};
}

/** LAVA jobs cannot wait for one another, so the parts are merged where their folders were published. */
function mergeOf(set: JobSet): string {
	return [
		'#!/bin/sh',
		`# Merges the run folders of ${set.count === 1 ? 'the part' : `all ${set.count} parts`} of '${set.name}', which are its arguments.`,
		...set.finish(['"$@"']),
		'exit $status',
		'',
	].join('\n');
}
