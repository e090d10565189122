import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../../../src/lib/index.ts';
import type { CellResult } from '../../../src/run/index.ts';
import type { CommandContext } from '../../usage/context.ts';
import { handOver, handoverVariable } from './handover.ts';
import { attachText, keptFile, readKept } from './kept.ts';

/** Environment variable with the path where a keeper records what it keeps. */
export const keeperVariable = 'VPMU_KEEPER';

/** Checks that exactly one cell would run. @throws UsageError */
export function oneCell(cells: readonly { readonly id: string; readonly skip: CellResult['reason'] }[]): void {
	const running = cells.filter(cell => cell.skip === null);
	if (running.length === 1) return;
	const hint = running[0] === undefined ? "'vpmu list' says why" : `name one, such as --cell '${running[0].id}'`;
	throw new UsageError(`option '--keep' needs exactly one cell to run, but ${running.length} would run; ${hint}`);
}

/**
 * Runs this command again in a process of its own, which stays with the guest after the run, and shows its output until
 * then. Returns the run's exit status.
 */
export async function runUnderKeeper({ env, cwd, stdout, stderr, signal }: CommandContext): Promise<number> {
	const file = await keptFile(env, `keeper-${process.pid}-${Date.now()}`);
	const logs = [file.replace(/json$/, 'out'), file.replace(/json$/, 'err')] as const;
	await using out = await open(logs[0], 'w+', 0o600);
	await using err = await open(logs[1], 'w+', 0o600);
	const keeper = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
		cwd,
		env: { ...env, [keeperVariable]: file, [handoverVariable]: '1' } as NodeJS.ProcessEnv,
		stdio: ['pipe', out.fd, err.fd],
		detached: true,
	});
	const ended = once(keeper, 'exit') as Promise<[number | null]>;
	const stop = () => void keeper.kill('SIGTERM');
	signal.addEventListener('abort', stop, { once: true });
	const position = [0, 0];
	const show = async () => {
		for (const [index, log] of [out, err].entries()) {
			const { buffer, bytesRead } = await log.read(Buffer.alloc(1 << 16), 0, 1 << 16, position[index]!);
			position[index]! += bytesRead;
			(index === 0 ? stdout : stderr).write(buffer.subarray(0, bytesRead));
			if (bytesRead === buffer.length) await show();
		}
	};
	try {
		for (;;) {
			const end = await Promise.race([ended, delay(200)]);
			const kept = await readKept(file);
			await show();
			if (kept !== undefined && end === undefined) {
				await handOver(keeper);
				stderr.write(`\n${attachText(kept)}`);
				return kept.exit;
			}
			if (end !== undefined) {
				for (const log of logs) await rm(log, { force: true });
				return end[0] ?? 69;
			}
		}
	} finally {
		signal.removeEventListener('abort', stop);
	}
}
