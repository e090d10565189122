import { UsageError } from '../../lib/errors.ts';
import { isSshTarget } from '../../lib/ssh-target.ts';

/** Options for the system's ssh besides the target. A user's own machines are configured in ~/.ssh/config. */
export interface SshOptions {
	/** Options as on ssh's command line, such as `-p`, `2222`, `-i`, `KEY`. */
	readonly options?: readonly string[];
}

/**
 * Makes `-o NAME=PATH` for ssh, which reads the value as a line of ssh_config(5): words, quotation marks, backslashes, and
 * `%` for tokens. `${NAME}` cannot be escaped.
 */
export function pathOption(name: string, file: string): string[] {
	return ['-o', `${name}="${file.replaceAll(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`];
}

/** Checks an ssh target. @throws UsageError for what {@link isSshTarget} does not accept */
export function checkTarget(target: string): string {
	if (!isSshTarget(target)) {
		throw new UsageError(`'${target}' is not an ssh target; allowed: [USER@]HOST, or ssh://[USER@]HOST[:PORT]`);
	}
	return target;
}
