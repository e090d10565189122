import { command } from '../command.ts';
import { compareOptions, mergeOptions, reportOptions } from './options.ts';

export const report = command({
	summary: 'show a run as text, HTML, JUnit, TAP, JSON, KCIDB, Markdown and more',
	details: 'Render a run by its results, or by its events if the run was killed before it wrote results.',
	usage: 'RUN [--format FORMAT] [--commit HASH] [--tree NAME] [--url URL] [--origin NAME]',
	options: reportOptions,
	positionals: { minimum: 1, maximum: 1 },
	load: async () => (await import('./report.ts')).report,
});

export const merge = command({
	summary: 'the parts of a run (--shard) as one run',
	details:
		'Join the run folders of all parts of a division into one, with all reports. Refuses parts of different divisions, a part that is missing or given twice, and cells that stand twice. Exits as run would.',
	usage: 'RUN... [--plan FILE] [--out DIR] [--json]',
	options: mergeOptions,
	positionals: { minimum: 1, maximum: 10_000 },
	load: async () => (await import('./merge.ts')).merge,
});

export const compare = command({
	summary: 'what changed from one run to another, or from a baseline',
	details:
		'Compare two runs, or a run with a baseline file, cell by cell, and tell what changed grouped by why. Exits with 1 if a cell got worse, with 69 if nothing can be compared. Boot times and counts are compared where each side has enough runs.',
	usage: 'BEFORE AFTER | --baseline FILE RUN | --write-baseline FILE RUN...',
	options: compareOptions,
	positionals: { minimum: 1, maximum: 100 },
	load: async () => (await import('./compare.ts')).compare,
});
