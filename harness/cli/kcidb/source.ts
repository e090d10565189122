import { UsageError } from '../../../src/lib/index.ts';
import type { KcidbSource } from '../../../src/report/index.ts';
import type { Options } from '../command.ts';

/** Options that say where the kernels under test came from. */
export const sourceOptions = {
	commit: { value: 'HASH', help: 'KCIDB: the commit that the host kernels were built from, as a whole hash' },
	tree: { value: 'NAME', help: "KCIDB: the tree's name, such as mainline" },
	url: { value: 'URL', help: "KCIDB: the git repository's URL" },
	origin: { value: 'NAME', help: 'KCIDB: the CI system that reports; default vpmu' },
} as const satisfies Options;

/** Parses the values of {@link sourceOptions}. @throws UsageError for values that KCIDB's schema 5.3 refuses */
export function readSource(given: { readonly [name in keyof typeof sourceOptions]: string | undefined }): KcidbSource {
	const check = (name: keyof typeof sourceOptions, allowed: RegExp, what: string) => {
		const value = given[name];
		if (value === undefined || allowed.test(value)) return value;
		throw new UsageError(`'${value}' of option '--${name}' is not allowed; allowed: ${what}`);
	};
	return {
		commit: check('commit', /^([0-9a-f]{40}|[0-9a-f]{64})$/, '40 or 64 hexadecimal digits in lower case'),
		tree: check('tree', /^[^\u0000-\u001f\u007f]+$/, 'one line'),
		url: check('url', /^(https?|git):\/\/[^\s@?#]+$/, 'https://HOST/PATH, without user and password'),
		origin: check('origin', /^[a-z0-9_]+$/, 'lower-case letters, digits and _'),
	};
}
