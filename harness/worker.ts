import type { ExecutionContext, TestFn } from 'ava';
import { type CellResult, messageOf, UsageError, VpmuError } from '../src/index.ts';
import { type Broker, connectBroker } from './broker.ts';
import { CellSession, CellSkipped } from './cell.ts';
import type { Lease } from './lease.ts';
import { type CaseDeclaration, type Cell, planCells } from './plan.ts';
import type { CaseBody } from './test.ts';

let shared: Promise<Broker> | undefined;

/** The run's broker; run by AVA alone, this process is the run. */
async function brokerOf(): Promise<Broker> {
	const socket = process.env.VPMU_BROKER;
	if (socket !== undefined) return await connectBroker(socket);
	const { startRun } = await import('./run.ts');
	return (await startRun({ argv: ['npx', 'ava'], env: process.env, cells: [] })).broker;
}

/** The cells of one declaration: those of the run's plan, or the default selection's. */
async function cellsOf(declaration: CaseDeclaration): Promise<Cell[]> {
	const plan = process.env.VPMU_PLAN;
	if (plan === undefined) {
		const { defaultSelection } = await import('./select.ts');
		return planCells([declaration], await defaultSelection({ cases: [declaration.case] }));
	}
	const { readFileSync } = await import('node:fs');
	const cells: Cell[] = JSON.parse(readFileSync(plan, 'utf8'));
	return cells.filter(cell => cell.case === declaration.case && cell.title === declaration.title && cell.skip === null);
}

/** Registers an AVA test for every cell of a declaration. */
export async function declareCells(test: TestFn, declaration: CaseDeclaration, body: CaseBody): Promise<void> {
	const cells = await cellsOf(declaration);
	for (const cell of cells) {
		const run = cell.skip === null ? test : test.skip;
		run(cell.id, async t => {
			shared ??= brokerOf();
			const result = await runCell(t, cell, declaration, body, await shared);
			const line = `${result.status}${result.reason === null ? '' : `: ${result.reason}`}`;
			if (result.status === 'pass' || result.status === 'xfail' || result.status === 'skip') {
				if (result.status !== 'pass') t.log(line);
				t.pass();
			} else {
				t.fail(line);
			}
		});
	}
	test.after.always(async () => await (await shared)?.[Symbol.asyncDispose]());
}

/** Runs one cell and tells the run how it went. Never throws: whatever happens becomes a result with its blame. */
async function runCell(
	t: ExecutionContext,
	cell: Cell,
	{ matrix }: CaseDeclaration,
	body: CaseBody,
	broker: Broker,
): Promise<CellResult> {
	let session: CellSession | undefined;
	let result: CellResult;
	try {
		await using lease: Lease & AsyncDisposable = await broker.acquire(cell);
		broker.emit({ event: 'cell-start', cell: cell.id });
		session = new CellSession(cell, lease, matrix);
		try {
			await session.prepare();
			const current = session;
			const attempt = await t.try(async inner => {
				try {
					await body(inner, current);
					// A body may end without having asserted anything itself: the verdict is the assertion.
					inner.pass();
				} catch (error) {
					current.bodyFailed(error);
					inner.pass();
				}
			});
			for (const error of attempt.errors) session.unmet(messageOf(error));
			attempt.discard();
			await session.close();
			result = session.conclude();
		} finally {
			await session.close();
		}
	} catch (error) {
		result = CellSession.failedToRun(cell, session, error);
	}
	broker.emit({ event: 'cell-end', result });
	return result;
}

export { CellSkipped, UsageError, VpmuError };
