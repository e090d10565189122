import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { localHost } from '../../../src/host/index.ts';
import { counted, VpmuError } from '../../../src/lib/index.ts';
import type { CaseFile } from '../../plan/case-files.ts';
import type { Cell } from '../../plan/plan.ts';
import { storedDurations } from '../../plan/shards.ts';
import { serveBroker } from '../../protocol/broker.ts';
import type { Run } from '../run.ts';
import { orderOfCases } from '../turns/sharing.ts';
import { runAva } from './ava.ts';

export interface RoundOptions {
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal: AbortSignal;
	/** How often a cell is retried. */
	readonly retries: number;
	/** Also retry failures of the thing under test, not only infrastructure errors. */
	readonly retryFailures: boolean;
	/** Cells stay after they have a result, for as long as AVA waits for a test. */
	readonly keep?: boolean;
	/** Case files by case name. */
	readonly files: ReadonlyMap<string, CaseFile>;
}

/**
 * Runs cells, then retries those with an infrastructure error. Each round is one AVA, with this process as its broker.
 * A cell whose worker died is an error with AVA's output.
 */
export async function runRounds(run: Run, cells: readonly Cell[], options: RoundOptions): Promise<void> {
	await using host = localHost();
	await using scratch = await host.makeFolder({ own: true });
	let left = cells.filter(cell => cell.skip === null);
	for (let round = 1; left.length > 0; round++) {
		const plan = path.join(scratch.path, `plan-${round}.json`);
		const socket = path.join(scratch.path, `broker-${round}`);
		const log = path.join(run.folder.path, round === 1 ? 'ava.log' : `ava-${round}.log`);
		const before = new Map(left.map(cell => [cell.id, run.resultOf(cell.id)]));
		writeFileSync(plan, JSON.stringify(left));
		{
			await using server = await serveBroker(run.broker, socket);
			run.onSilence = cell => void server.killWorkerOf(cell);
			const order = orderOfCases(left, run.jobs, storedDurations(options.env));
			await runAva(
				host,
				order.map(name => [name, options.files.get(name)!] as const),
				{
					env: {
						...options.env,
						VPMU_PLAN: plan,
						VPMU_BROKER: socket,
					},
					// Start two extra files, so that a freed slot has a choice.
					concurrency: run.jobs === 1 ? 1 : run.jobs + 2,
					log,
					folder: path.join(scratch.path, `ava-${round}`),
					keep: options.keep === true,
					signal: options.signal,
				},
			);
			run.onSilence = () => undefined;
		}
		if (options.signal.aborted) return;
		for (const cell of left) {
			if (run.resultOf(cell.id) !== before.get(cell.id)) continue;
			const message = 'the worker of the cell ended before the cell did';
			run.endCell(cell, new VpmuError(message, { blame: 'harness', evidence: complaints(log) }));
		}
		const again = ['error', ...(options.retryFailures ? ['fail'] : [])];
		left = round > options.retries ? [] : left.filter(cell => again.includes(run.resultOf(cell.id)?.status ?? 'error'));
		if (left.length === 0 || run.lockBusy !== undefined) return;
		run.broker.emit({
			event: 'progress',
			what: `trying ${counted(left.length, 'cell')} again (${round} of ${options.retries})`,
		});
		await run.renew();
	}
}

/** Returns what AVA says about workers and files that went wrong. */
function complaints(log: string): string[] {
	const lines = readFileSync(log, 'utf8').split('\n');
	return lines.filter(line => /^\s+✖ (?!.*\[fail\])|exited|Uncaught|Error:/.test(line)).map(line => line.trim());
}
