import { command } from '../command.ts';
import { compareOptions, reportOptions } from './options.ts';

export const report = command({
	summary: 'a run as text, HTML, JUnit, TAP, JSON, KCIDB or Markdown',
	details: 'Render a run by its results, or by its events if the run was killed before it wrote results.',
	usage: 'RUN [--format FORMAT]',
	options: reportOptions,
	positionals: { minimum: 1, maximum: 1 },
	load: async () => (await import('./report.ts')).report,
});

export const compare = command({
	summary: 'two runs, cell by cell',
	details: 'Compare two runs cell by cell; exits with 1 if a cell got worse.',
	usage: 'BEFORE AFTER [--json]',
	options: compareOptions,
	positionals: { minimum: 2, maximum: 2 },
	load: async () => (await import('./compare.ts')).compare,
});
