import type { Options } from '../command.ts';

/** Options of `vpmu cache export`. */
export const exportOptions = {
	all: { help: 'all packages, programs, kernels and images, not only what a run with default options needs' },
} as const satisfies Options;

/** Options of `vpmu cache import`. */
export const importOptions = {
	hash: { value: 'HASH', help: 'refuse the file unless it has this SHA-256, which export printed' },
} as const satisfies Options;
