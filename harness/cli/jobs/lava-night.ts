import { quoteCommand } from '../../../src/lib/index.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { indices, type JobSet } from './job-set.ts';
import { foldersOf } from './night.ts';

/** How jobs are written. */
export interface LavaOptions {
	readonly deviceType: string;
	readonly publish?: string | undefined;
}

/** Where the machine that submits finds what `publish` stored. */
export interface Published {
	readonly published: string;
}

/** Users say how it is called, such as `lavacli -i lab`. */
const lavacli = `\${LAVACLI:-lavacli}`;

/** Waits for a job, at most for a day: it may have to wait for its device. */
const wait = (job: string) => `${lavacli} jobs wait --timeout 86400 ${job} || echo "job ${job} did not end" >&2`;

/** Lines that run new failures again by a job for a device of the same kind: see `nightScript`. */
export function againOf(
	{ name, tags, setup, vpmu, passed }: JobSet,
	{ deviceType, publish, published }: LavaOptions & Published,
): string[] {
	const { night } = foldersOf(name);
	const job = tags.length === 0 ? 'any' : 'again';
	const words = [
		...(tags.length === 0 ? [] : ['--host', `${job}=${tags.join(',')}`]),
		...['--device-type', deviceType, ...setup.flatMap(line => ['--setup', line])],
		...['--publish', publish ?? ':', '--vpmu', vpmu, '--out', `${night}/jobs`],
	];
	const found = quoteCommand([`${published}/${job}-1`]);
	return [
		`if [ -s ${night}/again.txt ]; then`,
		'	set --',
		`	while read -r cell; do set -- "$@" --cell "$cell"; done < ${night}/again.txt`,
		`	rm -rf ${found}`,
		`	if ${vpmu} jobs lava ${quoteCommand(words)} ${passed} "$@" && job=$(${lavacli} jobs submit ${night}/jobs/${job}-1.yaml); then`,
		`		${wait('$job')}`,
		'	fi',
		`	if [ -e ${found}/events.ndjson ]; then judge --again ${found}; else echo "${name}: the cells of ${night}/again.txt did not run again" >&2; fi`,
		'fi',
	];
}

/** Makes a script that submits every job, waits for them, and joins the parts of each set. */
export function submitOf(sets: readonly JobSet[], { published }: Published): string {
	const parts = (set: JobSet) => indices(set).map(index => quoteCommand([`${published}/${set.name}-${index}`]));
	return [
		'#!/bin/sh',
		'# Submits the jobs, waits for them, and does what comes after the parts; to be started where jobs find the plans.',
		'# LAVACLI may say how lavacli is called.',
		'set -u',
		`here=$(dirname "$0")`,
		'worst=0',
		'jobs=',
		// Those of an earlier night would be taken for this one's.
		...sets.map(set => `rm -rf ${parts(set).join(' ')}`),
		...sets.flatMap(set =>
			indices(set).map(
				index =>
					`jobs="$jobs $(${lavacli} jobs submit "$here/${set.name}-${index}.yaml")" || worst=${exitCodes.infrastructure}`,
			),
		),
		`for job in $jobs; do ${wait('$job')}; done`,
		...sets.flatMap(set => [
			...set.finish(parts(set)),
			// A failure outranks what has no verdict.
			`case $status in ${exitCodes.asPredicted}) ;; ${exitCodes.failed}) worst=$status ;; *) [ $worst = ${exitCodes.failed} ] || worst=$status ;; esac`,
		]),
		'exit $worst',
		'',
	].join('\n');
}
