import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { temporaryRoot, UsageError } from '../../src/lib/index.ts';
import type { CommandContext } from './context.ts';

/**
 * Checks the temporary folder, which libraries look at as soon as they are loaded, and says so if sockets cannot be in it.
 * @throws UsageError for a TMPDIR that nobody can write into
 */
export function checkTemporaryFolder({ env, cwd, stderr }: Pick<CommandContext, 'env' | 'cwd' | 'stderr'>): void {
	const named = env.TMPDIR;
	if (!named) return;
	const folder = path.resolve(cwd, named);
	let problem: string | undefined;
	try {
		accessSync(folder, constants.W_OK | constants.X_OK);
		if (!statSync(folder).isDirectory()) problem = 'is not a folder';
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		const known: Record<string, string> = {
			...{ ENOENT: 'does not exist', EACCES: 'cannot be written into', ENOTDIR: 'is not a folder' },
			EROFS: 'is on a read-only file system',
		};
		problem = known[code ?? ''] ?? `cannot be used (${message})`;
	}
	if (problem !== undefined) {
		throw new UsageError(
			`'${named}' of the environment variable TMPDIR ${problem}; name a folder of yours, or unset it`,
		);
	}
	const { path: root, insteadBecause } = temporaryRoot(env);
	if (insteadBecause !== undefined) {
		stderr.write(
			`vpmu: TMPDIR '${named}' ${insteadBecause}; sockets and logs of running QEMUs are below ${root} instead\n`,
		);
	}
}
