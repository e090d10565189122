import { VpmuError } from '../../lib/errors.ts';
import type { Patch } from '../../patch/index.ts';

/** The series does not compile: the fault is in the series under test. */
export class BuildFailure extends VpmuError {
	override readonly name = 'BuildFailure';
	/** Whether the build also fails without any patch. */
	readonly unpatched: boolean;
	/** The patch after which the build fails, if each was built. */
	readonly patch: Patch | undefined;

	constructor(
		message: string,
		options: {
			readonly unpatched: boolean;
			readonly evidence: readonly string[];
			readonly patch?: Patch | undefined;
		},
	) {
		super(message, { blame: 'qemu', evidence: options.evidence });
		this.unpatched = options.unpatched;
		this.patch = options.patch;
	}
}

/** Extracts the lines of a build's output that say why it failed, without trailing blanks; at most ten. */
export function errorLines(log: readonly string[]): { readonly first: string | undefined; readonly lines: string[] } {
	const lines = log.filter(line => line.trim() !== '').map(line => line.slice(0, 500));
	const errors = lines
		.filter(line => /\berror\b(?!\.h\b)|^ERROR|^make(\[\d+\])?: \*\*\* No rule/i.test(line))
		.slice(0, 10);
	return { first: errors[0] && withoutSource(errors[0]), lines: errors.length > 0 ? errors : lines.slice(-12) };
}

/** Rewrites the file name in a compiler's line relative to the source tree. */
export const withoutSource = (line: string) => line.replace(/^(\.\.\/)*source\//, '');
