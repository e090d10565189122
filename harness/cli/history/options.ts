import type { Options } from '../command.ts';

const formats = ['text', 'json', 'html', 'markdown'] as const;

/** Options of `vpmu history` and `vpmu history report`. */
export const historyOptions = {
	since: { value: 'AGE', help: 'runs since then only: 36h, 14d, 4w or 2026-11-20; default all, for report 14d' },
	format: { value: 'FORMAT', choices: formats, help: 'default text' },
} as const satisfies Options;

/** Options of `vpmu history import`. */
export const importOptions = {} as const satisfies Options;
