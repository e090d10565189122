import type { Options } from '../command.ts';
import { sourceOptions } from './source.ts';

/** Options of `vpmu kcidb submit`. */
export const submitOptions = {
	...sourceOptions,
	server: {
		value: 'URL',
		help: 'such as https://kcidb.kernelci.org/submit; default that of $KCIDB_REST (https://TOKEN@HOST/submit)',
	},
	'token-file': { value: 'FILE', help: 'file with the token; default $KCIDB_JWT, or the token in $KCIDB_REST' },
} as const satisfies Options;
