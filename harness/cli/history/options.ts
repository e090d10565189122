import type { Options } from '../command.ts';
import { passedOptions } from '../jobs/options.ts';

const formats = ['text', 'json', 'html', 'markdown'] as const;

/** Options of `vpmu history` and `vpmu history report`. */
export const historyOptions = {
	since: { value: 'AGE', help: 'runs since then only: 36h, 14d, 4w or 2026-11-20; default all, for report 14d' },
	format: { value: 'FORMAT', choices: formats, help: 'default text' },
} as const satisfies Options;

/** Options of `vpmu history night`. */
export const nightOptions = {
	...passedOptions,
	out: { value: 'DIR', help: "folder for what it writes; default 'vpmu-night'" },
	name: { value: 'NAME', help: 'a word for the headline, such as the kind of host' },
	later: {
		excludes: ['again'],
		help: 'do not run new failures again: write their cells to again.txt, for another machine',
	},
	again: { value: 'RUN', help: 'the run of the cells of again.txt, instead of running new failures here' },
	tree: {
		value: 'DIR',
		help: "the git tree of what is under test: bisect.sh is written for new failures of runs with '--label commit=HASH'",
	},
	build: {
		value: 'LINE',
		repeatable: true,
		needs: ['tree'],
		help: 'with --tree: a line of shell that builds a commit, in this folder',
	},
} as const satisfies Options;

/** Options of `vpmu history import`. */
export const importOptions = {} as const satisfies Options;
