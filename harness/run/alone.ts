import path from 'node:path';
import { rendered } from '../../src/lib/index.ts';
import { PrettyReport } from '../../src/report/index.ts';
import type { Cell } from '../plan/plan.ts';
import type { Broker } from '../protocol/broker.ts';
import { startRun } from './run.ts';

/**
 * Starts a run in this process, for a case file given to AVA directly (`npx ava cases/pmu/NAME.ts`). Dispose of the
 * broker to end the run; it then prints the outcome and its folder on standard error.
 *
 * @param cells the cells of the run; those that the file declares later may be added
 */
export async function runAlone(cells: readonly Cell[]): Promise<Broker> {
	const argv = ['npx', 'ava', `cases/${cells[0]?.case}.ts`];
	const run = await startRun({ argv, env: process.env, cells });
	return {
		...run.broker,
		async [Symbol.asyncDispose]() {
			const results = await run.finish({ interrupted: false });
			process.stderr.write(rendered(PrettyReport.closing(results, path.relative(process.cwd(), run.folder.path))));
		},
	};
}
