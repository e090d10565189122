import { existsSync } from 'node:fs';
import path from 'node:path';
import { stringifyJson, UsageError } from '../../../src/lib/index.ts';
import {
	type ArtifactReader,
	chromeTraceOf,
	githubOf,
	htmlOf,
	junitOf,
	type KcidbSource,
	kcidbOf,
	lavaOf,
	markdownOf,
	PrettyReport,
	tapOf,
} from '../../../src/report/index.ts';
import { artifactsIn, type Results, readEvents, readResults, resultsOf } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import type { Given } from '../command.ts';
import { readSource } from '../kcidb/source.ts';
import type { formats, reportOptions } from './options.ts';

const renderers: Readonly<
	Record<
		Exclude<(typeof formats)[number], 'trace'>,
		(results: Results, folder: string, artifacts: ArtifactReader, source: KcidbSource) => string
	>
> = {
	pretty: (results, folder) => PrettyReport.of(results, folder),
	html: (results, folder, artifacts) => htmlOf(results, { folder, artifacts }),
	junit: junitOf,
	tap: tapOf,
	json: results => `${stringifyJson(results, { indent: 2 })}\n`,
	kcidb: (results, _folder, _artifacts, source) => kcidbOf(results, source),
	markdown: markdownOf,
	lava: lavaOf,
	github: (results, folder) => githubOf(results, folder),
};

/** `vpmu report`. */
export async function report(
	{ stdout, cwd }: CommandContext,
	{ positionals, options }: Given<typeof reportOptions>,
): Promise<number> {
	const given = positionals[0]!;
	const format = options.format ?? 'pretty';
	const source = readSource(options);
	const named = (Object.keys(source) as (keyof KcidbSource)[]).find(name => source[name] !== undefined);
	if (named !== undefined && format !== 'kcidb') throw new UsageError(`option '--${named}' needs '--format kcidb'`);
	const folder = path.resolve(cwd, given);
	if (!existsSync(folder)) throw new UsageError(`there is no run folder '${given}'`);
	// Where the time went is in the events only.
	if (format === 'trace') {
		stdout.write(chromeTraceOf(readEvents(folder)));
		return exitCodes.asPredicted;
	}
	// A killed run has no results; its events show how far it got.
	const finished = existsSync(path.join(folder, 'results.json'));
	const results = finished ? readResults(folder) : resultsOf(readEvents(folder));
	stdout.write(renderers[format](results, given, artifactsIn(folder), source));
	return exitCodes.asPredicted;
}
