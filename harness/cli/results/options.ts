import type { Options } from '../command.ts';

/** Formats of `vpmu report`. */
export const formats = ['pretty', 'html', 'junit', 'tap', 'json', 'kcidb', 'markdown'] as const;

/** Options of `vpmu report`. */
export const reportOptions = {
	format: { value: 'FORMAT', choices: formats, help: 'default pretty' },
} as const satisfies Options;

/** Options of `vpmu merge`. */
export const mergeOptions = {
	out: { value: 'DIR', help: 'run folder of the whole; default vpmu-runs/ID' },
	plan: {
		value: 'FILE',
		help: 'the plan that the parts were run by: keeps its order, and names a cell that is missing',
	},
	json: { help: 'print the results as JSON on standard output instead of the table' },
} as const satisfies Options;

/** Options of `vpmu compare`. */
export const compareOptions = { json: { help: 'print JSON' } } as const satisfies Options;
