import type { Options } from '../command.ts';
import { sourceOptions } from '../kcidb/source.ts';

/** Formats of `vpmu report`. */
export const formats = [
	'pretty',
	'html',
	'junit',
	'tap',
	'json',
	'kcidb',
	'markdown',
	'mail',
	'lava',
	'github',
	'trace',
] as const;

/** Options of `vpmu report`. */
export const reportOptions = {
	format: { value: 'FORMAT', choices: formats, help: 'default pretty' },
	...sourceOptions,
} as const satisfies Options;

/** Options of `vpmu merge`. */
export const mergeOptions = {
	out: { value: 'DIR', help: 'run folder of the whole; default vpmu-runs/ID' },
	plan: {
		value: 'FILE',
		help: 'the plan of the parts: keeps its order, and reports a missing cell',
	},
	json: { help: 'print the results as JSON on standard output instead of the table' },
} as const satisfies Options;

/** Formats of `vpmu compare`. */
export const comparisonFormats = ['text', 'json', 'html', 'markdown', 'mail'] as const;

/** Options of `vpmu compare`. */
export const compareOptions = {
	baseline: { value: 'FILE', help: 'compare the run with this file, written by --write-baseline' },
	'write-baseline': {
		value: 'FILE',
		excludes: ['baseline', 'before', 'verbose', 'format', 'json'],
		help: 'write what the runs came to into a file to commit, and compare nothing',
	},
	before: {
		value: 'RUN',
		repeatable: true,
		help: 'another run of the same thing as BEFORE: gives more measurements, and shows flaky cells',
	},
	after: { value: 'RUN', repeatable: true, help: 'another run of the same thing as AFTER' },
	verbose: { help: 'list every cell' },
	format: { value: 'FORMAT', choices: comparisonFormats, help: 'default text' },
	json: {
		excludes: comparisonFormats.filter(format => format !== 'json').map(format => `format=${format}`),
		help: 'the same as --format json',
	},
} as const satisfies Options;
