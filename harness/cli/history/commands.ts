import { cases } from '../candidates.ts';
import { command, type GroupSpec } from '../command.ts';
import { historyOptions, importOptions } from './options.ts';

/** `vpmu history`. */
export const history: GroupSpec = {
	summary: 'what earlier runs were like: red since when, flaky, slower',
	actions: {
		show: command({
			summary: 'durations, flake rate, first bad and last good run of cells',
			details:
				"List the cells of all runs in the history, or every detail of one case or cell. 'show' may be left out: vpmu history [CASE].",
			usage: '[CASE] [--since AGE] [--format FORMAT]',
			options: historyOptions,
			positionals: { maximum: 1, candidates: cases },
			load: async () => (await import('./history.ts')).show,
		}),
		report: command({
			summary: 'what is new tonight, red for how long, flaky, or slower',
			details: 'Report on the runs of the last two weeks, for the morning after a nightly run.',
			usage: '[--since AGE] [--format FORMAT]',
			options: historyOptions,
			load: async () => (await import('./history.ts')).report,
		}),
		import: command({
			summary: 'add the runs of these folders to the history',
			details: 'Add runs to the history, such as those of other machines. A run that it has already is left as it is.',
			usage: 'RUN...',
			options: importOptions,
			positionals: { minimum: 1, maximum: 10_000 },
			load: async () => (await import('./import.ts')).importRuns,
		}),
	},
	standard: 'show',
};
