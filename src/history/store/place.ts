import { homedir } from 'node:os';
import path from 'node:path';
import { UsageError } from '../../lib/index.ts';

/**
 * Returns the user's state folder: `VPMU_STATE`, or `vpmu` in `XDG_STATE_HOME`, or `~/.local/state/vpmu`. `VPMU_CACHE`
 * does not move it: the cache can be made again, but the history cannot.
 *
 * @throws UsageError for a relative path
 */
export function stateFolder(env: Readonly<Record<string, string | undefined>>): string {
	if (env.VPMU_STATE) {
		if (!path.isAbsolute(env.VPMU_STATE)) {
			throw new UsageError(`VPMU_STATE is '${env.VPMU_STATE}', but must be an absolute path`);
		}
		return path.normalize(env.VPMU_STATE);
	}
	// The XDG Base Directory Specification says to ignore relative paths.
	if (env.XDG_STATE_HOME && path.isAbsolute(env.XDG_STATE_HOME)) return path.join(env.XDG_STATE_HOME, 'vpmu');
	const home = env.HOME || homedir();
	if (!path.isAbsolute(home)) {
		throw new UsageError(`HOME is '${home}', but must be an absolute path; VPMU_STATE can name the state folder`);
	}
	return path.join(home, '.local', 'state', 'vpmu');
}
