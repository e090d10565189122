import { contention, poll } from '../../src/lib/index.ts';
import type { Machine } from '../../src/qemu/index.ts';
import { QmpError } from '../../src/qmp/index.ts';

/** Deadline for saving or restoring a guest of a cell. */
const usualMs = 120_000;

/**
 * Saves a machine to `uri` (`file:PATH` on its host). Returns `completed` or the failure that QEMU reports. @throws
 * DeadlineError
 */
export async function migrateTo({ qmp }: Machine, uri: string): Promise<string> {
	await qmp.execute('migrate', { uri });
	return await migrationEnd(qmp);
}

/**
 * Restores a machine started with `-incoming defer` from `uri`. Returns `completed`; `failed: ...` with QEMU's message;
 * or `exited: ...` if QEMU refused by exiting. A QEMU ended by a signal has not refused.
 *
 * @throws QmpError if a signal ended it; DeadlineError
 */
export async function restoreFrom({ qmp }: Machine, uri: string): Promise<string> {
	try {
		await qmp.execute('migrate-incoming', { uri });
		return await migrationEnd(qmp);
	} catch (error) {
		if (!(error instanceof QmpError) || error.death === undefined || error.death.signal !== null) throw error;
		return `exited: ${error.death.stderr.at(-1) ?? `status ${error.death.status}`}`;
	}
}

async function migrationEnd(qmp: Machine['qmp']): Promise<string> {
	return await poll(
		'the end of a migration',
		async () => {
			const { status, 'error-desc': said } = await qmp.execute('query-migrate');
			if (status === 'completed') return status;
			return status === 'failed' ? `failed: ${said ?? 'without a reason'}` : undefined;
		},
		{ timeoutMs: usualMs * contention(), everyMs: 100 },
	);
}
