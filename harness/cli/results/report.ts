import { existsSync } from 'node:fs';
import path from 'node:path';
import { stringifyJson, UsageError } from '../../../src/lib/index.ts';
import {
	type ArtifactReader,
	githubOf,
	htmlOf,
	junitOf,
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
import type { formats, reportOptions } from './options.ts';

const renderers: Readonly<
	Record<(typeof formats)[number], (results: Results, folder: string, artifacts: ArtifactReader) => string>
> = {
	pretty: (results, folder) => PrettyReport.of(results, folder),
	html: (results, folder, artifacts) => htmlOf(results, { folder, artifacts }),
	junit: junitOf,
	tap: tapOf,
	json: results => `${stringifyJson(results, { indent: 2 })}\n`,
	kcidb: results => kcidbOf(results),
	markdown: markdownOf,
	lava: lavaOf,
	github: githubOf,
};

/** `vpmu report`. */
export async function report(
	{ stdout, cwd }: CommandContext,
	{ positionals, options }: Given<typeof reportOptions>,
): Promise<number> {
	const given = positionals[0]!;
	const folder = path.resolve(cwd, given);
	if (!existsSync(folder)) throw new UsageError(`there is no run folder '${given}'`);
	// A killed run has no results; its events show how far it got.
	const finished = existsSync(path.join(folder, 'results.json'));
	const results = finished ? readResults(folder) : resultsOf(readEvents(folder));
	stdout.write(renderers[options.format ?? 'pretty'](results, given, artifactsIn(folder)));
	return exitCodes.asPredicted;
}
