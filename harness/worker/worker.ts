import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import type { ExecutionContext, TestFn } from 'ava';
import { Connections } from '../../src/host/index.ts';
import { visible } from '../../src/lib/index.ts';
import type { CellResult } from '../../src/run/index.ts';
import { type CaseDeclaration, type Cell, planCells } from '../plan/plan.ts';
import { defaultSelection } from '../plan/select.ts';
import { type Broker, connectBroker } from '../protocol/broker.ts';
import type { Lease } from '../protocol/lease.ts';
import { broken } from '../protocol/outcome.ts';
import { CaseContext, type VmContext } from './context.ts';
import { CellSession } from './session.ts';

/**
 * What a `pmuTest` case does with one cell. When it returns, the harness judges the observations against the
 * prediction.
 */
export type CaseBody = (t: ExecutionContext, cell: CaseContext) => Promise<void> | void;

/** What a `vmTest` case does with one cell. The cell passes if all its demands are met. */
export type VmBody = (t: ExecutionContext, cell: VmContext) => Promise<void> | void;

/** Makes this process the run of its own cells, if AVA was started without a run. */
export type RunAlone = (cells: readonly Cell[]) => Promise<Broker>;

/** A declaration and the location of its case. */
export interface WorkerDeclaration extends CaseDeclaration {
	/** The folder of the user's own cases that the file is in; `null` for a case that vpmu ships. */
	readonly casesFolder: string | null;
}

let shared: Promise<Broker> | undefined;

/** Connections of this process's cells to their hosts. */
const connections = new Connections();

/** Cells declared by this process. */
const declared: Cell[] = [];

async function brokerOf(runAlone: RunAlone): Promise<Broker> {
	const socket = process.env.VPMU_BROKER;
	return socket === undefined ? await runAlone(declared) : await connectBroker(socket);
}

/** Returns the cells of one declaration: those in the run's plan, or what `vpmu run CASE` would run on `VPMU_ON`. */
function cellsOf(declaration: CaseDeclaration): Cell[] {
	const { VPMU_PLAN: plan, VPMU_ON: on } = process.env;
	if (plan === undefined) return planCells([declaration], defaultSelection([declaration.case], on));
	const cells: Cell[] = JSON.parse(readFileSync(plan, 'utf8'));
	return cells.filter(cell => cell.case === declaration.case && cell.title === declaration.title && cell.skip === null);
}

/** Registers an AVA test for every cell of a declaration. */
export function declareCells(test: TestFn, declaration: WorkerDeclaration, body: CaseBody, runAlone: RunAlone): void {
	const cells = cellsOf(declaration);
	declared.push(...cells);
	for (const cell of cells) {
		const run = cell.skip === null ? test : test.skip;
		run(cell.id, async t => {
			shared ??= brokerOf(runAlone);
			const result = await runCell(t, cell, declaration, body, await shared);
			// AVA prints it on a terminal.
			const line = visible(`${result.status}${result.reason === null ? '' : `: ${result.reason}`}`);
			if (result.status === 'pass' || result.status === 'xfail' || result.status === 'skip') {
				if (result.status !== 'pass') t.log(line);
				t.pass();
			} else {
				t.fail(line);
			}
		});
	}
	test.after.always(async () => {
		await connections[Symbol.asyncDispose]();
		await (await shared)?.[Symbol.asyncDispose]();
	});
}

/** Runs one cell and reports its result to the run. Never throws: any failure becomes a result with a blame. */
async function runCell(
	t: ExecutionContext,
	cell: Cell,
	{ matrix, casesFolder, isJudged = true }: WorkerDeclaration,
	body: CaseBody,
	broker: Broker,
): Promise<CellResult> {
	let session: CellSession | undefined;
	let result: CellResult | undefined;
	try {
		await using data = await broker.acquire(cell.id);
		const lease: Lease = {
			...data,
			countAlone: () => broker.countAlone(cell.id),
			tellProcesses: pids => broker.processes(cell.id, pids),
			othersProcesses: () => broker.othersProcesses(cell.id),
		};
		broker.emit({ event: 'cell-start', cell: cell.id });
		session = new CellSession(cell, lease, matrix, { casesFolder, isJudged, connections });
		const context = new CaseContext(session);
		try {
			await session.prepare();
			const current = session;
			const attempt = await t.try(async inner => {
				try {
					await body(inner, context);
					// A body may end without an assertion of its own: the verdict is the assertion.
					inner.pass();
				} catch (error) {
					// A failed assertion ends the body with an error without details; the details are in the attempt's
					// errors.
					if (!isAssertion(error)) current.bodyFailed(error);
					inner.pass();
				}
			});
			for (const error of attempt.errors) session.unmet(demandOf(error));
			attempt.discard();
			if (lease.keep === true) {
				await session.settle();
				result = session.conclude();
				broker.emit({ event: 'cell-end', result });
				await session.keep(sockets => broker.kept(cell.id, sockets));
				return result;
			}
			await session.close();
			result = session.conclude();
		} finally {
			await session.close();
		}
	} catch (error) {
		if (result !== undefined) return result;
		result = broken(session?.record ?? { cell, totalMs: 0 }, error);
	}
	broker.emit({ event: 'cell-end', result });
	return result;
}

function isAssertion(error: unknown): boolean {
	return error instanceof Error && error.name === 'TestFailure';
}

/** Describes a failed assertion in a line: what it demanded, and what it found. */
function demandOf(error: Error & { formattedDetails?: readonly { label: string; formatted: string }[] }): string {
	const found = (error.formattedDetails ?? [])
		.map(({ label, formatted }) => `${label.trim()} ${stripVTControlCharacters(formatted).trim()}`)
		.join(' ')
		.replaceAll(/\s+/g, ' ');
	return found === '' ? error.message : `${error.message} (${found.slice(0, 300)})`;
}
