import type { Options } from '../command.ts';

/** Formats of `vpmu report`. */
export const formats = ['pretty', 'html', 'junit', 'tap', 'json', 'kcidb', 'markdown'] as const;

/** Options of `vpmu report`. */
export const reportOptions = {
	format: { value: 'FORMAT', choices: formats, help: 'default pretty' },
} as const satisfies Options;

/** Options of `vpmu compare`. */
export const compareOptions = { json: { help: 'print JSON' } } as const satisfies Options;
