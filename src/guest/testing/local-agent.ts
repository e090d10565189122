import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';

const source = path.resolve(import.meta.dirname, '../../../images/tools/agent/agent.c');
const flags = [
	'-std=gnu11',
	'-O2',
	'-ffreestanding',
	'-nostdlib',
	'-static',
	'-fno-stack-protector',
	'-fno-pie',
	'-no-pie',
];

let built: string | undefined;

/** Builds the guest's agent for this machine; `undefined` (and prints a reason) if that is not possible. */
export function localAgent(): string | undefined {
	if (built !== undefined) return built;
	const reason =
		process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)
			? `it needs Linux on x86-64 or aarch64, not ${process.platform} on ${process.arch}`
			: spawnSync('gcc', ['--version']).status !== 0
				? 'there is no gcc'
				: undefined;
	if (reason !== undefined) {
		console.log(`skipped: tests with the agent on this machine (${reason})`);
		return undefined;
	}
	const folder = mkdtempSync(path.join(tmpdir(), 'vpmu-agent-'));
	process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
	const program = path.join(folder, 'agent');
	const extra = ['-fno-tree-loop-distribute-patterns', '-fno-asynchronous-unwind-tables'];
	const { status, stderr } = spawnSync('gcc', [...flags, ...extra, '-o', program, source]);
	if (status !== 0) throw new Error(`the agent does not build: ${stderr}`);
	built = program;
	return program;
}

/** Starts the agent with one end of a socket pair as its line. */
export function startLocalAgent(program: string): { line: Duplex; kill: () => void } & AsyncDisposable {
	const child = spawn(program, ['fd:3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
	const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
	const line = child.stdio[3] as unknown as Duplex;
	return {
		line,
		kill: () => child.kill('SIGKILL'),
		[Symbol.asyncDispose]: async () => {
			line.destroy();
			child.kill('SIGKILL');
			await exited;
		},
	};
}
