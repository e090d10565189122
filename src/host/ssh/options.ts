import { UsageError } from '../../lib/errors.ts';

/** What the system's ssh is told beyond the target. For a user's own machines, ~/.ssh/config says it all. */
export interface SshOptions {
	/** Options as on ssh's command line, such as `-p`, `2222`, `-i`, `KEY`. */
	readonly options?: readonly string[];
}

/**
 * A target as ssh takes it: `[USER@]HOST`, an alias of ~/.ssh/config, or `ssh://[USER@]HOST[:PORT]`.
 *
 * @throws UsageError for what ssh would take for an option or could not be a host
 */
export function checkTarget(target: string): string {
	if (!/^(ssh:\/\/)?[A-Za-z0-9_[][\w.@:%[\]-]*$/.test(target)) {
		throw new UsageError(`'${target}' is no ssh target; allowed: [USER@]HOST, or ssh://[USER@]HOST[:PORT]`);
	}
	return target;
}
