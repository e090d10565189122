import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { commandFile } from '../../harness/usage/places.ts';
import { quoteCommand } from '../../src/lib/index.ts';
import { userEnvironment, type VpmuEnd } from './vpmu.ts';

/** Ways to lose a command's readers: pipes that end at once or after a line, full disks, closed descriptors. */
export const losses = {
	'stdout that ends at once': '| true',
	'stdout that ends after a line': '| head -n 1 >/dev/null',
	'stdout on a full disk': '>/dev/full',
	'a closed stdout': '>&-',
	'stderr that ends at once': '2> >(true)',
	'stderr on a full disk': '2>/dev/full',
	'a closed stderr': '2>&-',
	'full disks for all': '>/dev/full 2>/dev/full',
	'all closed': '<&- >&- 2>&-',
} as const;

/** Runs vpmu as typed in bash, followed by the rest of the line. Returns the command's own status. */
export async function shellLine(argv: readonly string[], rest = '', env: NodeJS.ProcessEnv = {}): Promise<VpmuEnd> {
	const line = `${quoteCommand([process.execPath, commandFile, ...argv])} ${rest}; exit \${PIPESTATUS[0]}`;
	const child = spawn('bash', ['-c', line], {
		env: { ...userEnvironment(), ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const [stdout, stderr, [status]] = await Promise.all([
		Array.fromAsync(child.stdout),
		Array.fromAsync(child.stderr),
		once(child, 'close') as Promise<[number | null]>,
	]);
	return { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
