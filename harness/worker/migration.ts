import { contention, poll } from '../../src/lib/index.ts';
import type { Machine } from '../../src/qemu/index.ts';
import { QmpError } from '../../src/qmp/index.ts';

/** How long a guest of a cell may take to be written or read. */
const usualMs = 120_000;

/** Writes a machine to `uri` (`file:PATH` on its host). `completed`, or what it said instead. @throws DeadlineError */
export async function migrateTo({ qmp }: Machine, uri: string): Promise<string> {
	await qmp.execute('migrate', { uri });
	return await migrationEnd(qmp);
}

/**
 * Reads a machine that was started with `-incoming defer` from `uri`. `completed`; `failed: ...` with what QEMU said;
 * `exited: ...` when it refused by ending with a status of its own. A QEMU that a signal ended has not refused.
 *
 * @throws QmpError when a signal ended it; DeadlineError
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
			return status === 'failed' ? `failed: ${said ?? 'it does not say why'}` : undefined;
		},
		{ timeoutMs: usualMs * contention(), everyMs: 100 },
	);
}
