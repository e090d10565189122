/** The only door of cases: `import { pmuTest } from '../../harness/test.ts'`. */
import { fileURLToPath } from 'node:url';
import { type Collector, collectorKey } from './plan/collect.ts';
import type { Matrix } from './plan/matrix.ts';
import type { Cell } from './plan/plan.ts';
import { caseIdentity } from './worker/identity.ts';
import type { CellSession } from './worker/session.ts';
import type { CaseBody } from './worker/worker.ts';

export { workloads } from '../src/guest/index.ts';
export { parseCpuList } from '../src/pmu/index.ts';
export { vcpuThreads } from '../src/qemu/index.ts';
export { finding } from './plan/requirements.ts';
export { countWhileMoving, endMoving, resumeMoving } from './worker/guest/moving.ts';
export { migrateTo, restoreFrom } from './worker/migration.ts';
export { deviceTreeChanges } from './worker/observe.ts';
export type { CaseBody, CellSession, Matrix };

/**
 * Declares a case: one file, one claim about a guest's PMU. Every combination of the matrix is a cell with a test of
 * its own. Run by `vpmu run`, or by AVA directly: `npx ava cases/pmu/NAME.ts`.
 *
 * @param title what is true when the case passes, in words
 */
export function pmuTest(title: string, matrix: Matrix, body: CaseBody): void {
	declare(title, matrix, body);
}

const declare = await (async () => {
	const collector = (globalThis as { [collectorKey]?: Collector })[collectorKey];
	if (collector !== undefined) {
		return (title: string, matrix: Matrix) =>
			void collector.declarations.push({ case: collector.case, isOwn: collector.isOwn, title, matrix });
	}
	// AVA ends a process that imports it elsewhere than in its workers.
	const [{ default: test }, { declareCells }] = await Promise.all([import('ava'), import('./worker/worker.ts')]);
	const { name, folder } = caseIdentity(fileURLToPath(test.meta.file));
	const runAlone = async (cells: readonly Cell[]) => (await import('./run/alone.ts')).runAlone(cells);
	return (title: string, matrix: Matrix, body: CaseBody) =>
		declareCells(test, { case: name, casesFolder: folder, title, matrix }, body, runAlone);
})();
