import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { contention } from '../../src/lib/index.ts';
import type { CellResult, Results } from '../../src/run/index.ts';

const bin = path.resolve(import.meta.dirname, '../../harness/bin.mjs');

/** The environment of a user's shell, without AVA's variables and ours. */
export function userEnvironment(): NodeJS.ProcessEnv {
	return Object.fromEntries(
		Object.entries(process.env).filter(([name]) => !/^(AVA|NODE_|VPMU_(PLAN|BROKER|TEST|CASES|ON))/.test(name)),
	);
}

/** Starts vpmu as a user does, in a process of its own. The caller waits for it or kills it. */
export function startVpmu(argv: readonly string[], { env = {} }: { env?: NodeJS.ProcessEnv } = {}) {
	const child = spawn(process.execPath, [bin, ...argv], {
		env: { ...userEnvironment(), ...env },
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	child.stdin.on('error', () => undefined);
	return child;
}

export interface VpmuEnd {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

/** Runs vpmu to its end, or kills it after `timeoutMs`, which is prolonged as much as this machine is slowed down. */
export async function vpmu(
	argv: readonly string[],
	{ env, timeoutMs = 300_000 }: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<VpmuEnd> {
	const child = startVpmu(argv, env === undefined ? {} : { env });
	const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs * contention());
	const [stdout, stderr, [status]] = await Promise.all([
		Array.fromAsync(child.stdout),
		Array.fromAsync(child.stderr),
		once(child, 'close') as Promise<[number | null]>,
	]);
	clearTimeout(timer);
	return { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Makes a temporary folder that is removed with the test. */
export async function temporaryFolder(t: { teardown(fn: () => unknown): void }): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'vpmu-test-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

/** Reads what a run left: its results (`undefined` if it wrote none) and its only cell. */
export function readRun(folder: string): { results: Results | undefined; cell: CellResult } {
	const file = path.join(folder, 'results.json');
	const results: Results | undefined = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
	return { results, cell: results?.cells[0] as CellResult };
}
