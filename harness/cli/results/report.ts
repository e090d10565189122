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
	runDocument,
	tapOf,
	textOf,
} from '../../../src/report/index.ts';
import { artifactsIn, type Results, readEvents } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { exitCodes } from '../../usage/exit-codes.ts';
import { runFolder } from '../../usage/run-folder.ts';
import type { Given } from '../command.ts';
import { readSource } from '../kcidb/source.ts';
import { widths } from './compare.ts';
import type { formats, reportOptions } from './options.ts';
import { readRun } from './sides.ts';
import { testerOf } from './tester.ts';

interface Rendering {
	readonly artifacts: ArtifactReader;
	readonly source: KcidbSource;
	readonly env: CommandContext['env'];
}

const renderers: Readonly<
	Record<Exclude<(typeof formats)[number], 'trace'>, (results: Results, folder: string, rendering: Rendering) => string>
> = {
	pretty: (results, folder) => PrettyReport.of(results, folder),
	html: (results, folder, { artifacts }) => htmlOf(results, { folder, artifacts }),
	junit: junitOf,
	tap: tapOf,
	json: results => `${stringifyJson(results, { indent: 2 })}\n`,
	kcidb: (results, _folder, { source }) => kcidbOf(results, source),
	markdown: markdownOf,
	mail: (results, folder, { env }) => textOf(runDocument(results, { folder, tester: testerOf(env) }), widths.mail),
	lava: lavaOf,
	github: githubOf,
};

/** `vpmu report`. */
export async function report(
	{ stdout, cwd, env }: CommandContext,
	{ positionals, options }: Given<typeof reportOptions>,
): Promise<number> {
	const given = positionals[0]!;
	const format = options.format ?? 'pretty';
	const source = readSource(options);
	const named = (Object.keys(source) as (keyof KcidbSource)[]).find(name => source[name] !== undefined);
	if (named !== undefined && format !== 'kcidb') throw new UsageError(`option '--${named}' needs '--format kcidb'`);
	const folder = runFolder(given, cwd);
	// Where the time went is in the events only.
	if (format === 'trace') {
		const has = (name: string) => existsSync(path.join(folder, name));
		if (has('results.json') && !has('events.ndjson')) {
			throw new UsageError(`the run '${given}' has no events.ndjson, of which '--format trace' is made`);
		}
		stdout.write(chromeTraceOf(readEvents(folder)));
		return exitCodes.asPredicted;
	}
	const rendering = { artifacts: artifactsIn(folder), source, env };
	stdout.write(renderers[format](readRun(given, cwd), given, rendering));
	return exitCodes.asPredicted;
}
