import { existsSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../../src/lib/index.ts';
import { htmlOf, junitOf, kcidbOf, markdownOf, PrettyReport, tapOf } from '../../src/report/index.ts';
import { type Results, readEvents, readResults, resultsOf } from '../../src/run/index.ts';
import { exitCodes } from '../usage/exit-codes.ts';
import type { Command } from './command.ts';

const formats: Readonly<Record<string, (results: Results, folder: string) => string>> = {
	pretty: (results, folder) => PrettyReport.of(results, folder),
	html: htmlOf,
	junit: junitOf,
	tap: tapOf,
	json: results => `${JSON.stringify(results, null, 2)}\n`,
	kcidb: results => kcidbOf(results),
	markdown: markdownOf,
};

export const command: Command = {
	name: 'report',
	summary: 'Renders a run: the results of its folder, or what its events say when it did not come to its end.',
	usage: 'RUN [--format FORMAT]',
	options: { format: { value: 'FORMAT', choices: Object.keys(formats), help: 'default pretty' } },
	positionals: { minimum: 1, maximum: 1 },
	async run({ stdout, cwd }, { positionals, options }) {
		const given = positionals[0]!;
		const folder = path.resolve(cwd, given);
		if (!existsSync(folder)) throw new UsageError(`there is no run folder '${given}'`);
		// A run that was killed has written no results; its events tell how far it came.
		const finished = existsSync(path.join(folder, 'results.json'));
		const results = finished ? readResults(folder) : resultsOf(readEvents(folder));
		const format = (options.format as string | undefined) ?? 'pretty';
		stdout.write(formats[format]!(results, given));
		return exitCodes.asPredicted;
	},
};
