import { cases } from '../candidates.ts';
import { command, type GroupSpec } from '../command.ts';
import { historyOptions, importOptions, nightOptions } from './options.ts';

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
		night: command({
			summary: 'what a run changed: new failures run again, and how to bisect them',
			details:
				'Add a run to the history, say what it changed, and run new failures a second time: only a cell that fails twice is a regression. The news is in new.md and new.txt of the folder; bisect.sh finds the commit that broke each cell. Takes the options of the run. Exits as run would: a cell that passes the second time does not count as a failure, and one without a second verdict exits 69.',
			usage: 'RUN [--out DIR] [--later | --again RUN] [--tree DIR --build LINE...] [OPTION...]',
			options: nightOptions,
			positionals: { minimum: 1, maximum: 1 },
			load: async () => (await import('./night.ts')).night,
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
