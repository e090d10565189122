/// <reference types="node" preserve="true" />
/** The only module that cases import: `import { pmuTest } from '../../harness/test.ts'`. */
import { fileURLToPath } from 'node:url';
import { type Collector, collectorKey } from './plan/collect.ts';
import type { Matrix, VmMatrix } from './plan/matrix.ts';
import type { CaseDeclaration, Cell } from './plan/plan.ts';
import type { CaseContext, VmContext } from './worker/context.ts';
import type { Guest } from './worker/guest/guest.ts';
import { caseIdentity } from './worker/identity.ts';
import type { CaseBody, VmBody } from './worker/worker.ts';

export { workloads } from '../src/guest/index.ts';
export { countingOn, parseCpuList } from '../src/pmu/index.ts';
export { vcpuThreads } from '../src/qemu/index.ts';
export { finding, findingsAlone } from './plan/requirements.ts';
export { selftestNames } from './plan/selftests/selftests.ts';
export { countWhileMoving, endMoving, resumeMoving } from './worker/guest/moving.ts';
export { chooseOn } from './worker/hosts/ask.ts';
export { migrateTo, restoreFrom } from './worker/migration.ts';
export { deviceTreeChanges } from './worker/observe/observe.ts';
export { runOwnTest } from './worker/own-tests.ts';
export type { CaseBody, CaseContext, Guest, Matrix, VmBody, VmContext, VmMatrix };

/**
 * Declares a case: one file, one claim about a guest's PMU. Every combination of the matrix is a cell with a test of
 * its own. Run it with `vpmu run`, or by AVA directly: `npx ava cases/pmu/NAME.ts`.
 *
 * @param title the claim that holds when the case passes
 */
export function pmuTest(title: string, matrix: Matrix, body: CaseBody): void {
	declare({ title, matrix, isJudged: true }, body);
}

/**
 * Declares a case that is not about a PMU: the same machines, consoles, QMP, hosts and reports, without prediction and
 * verdict. A cell passes when the body returns and all its demands are met.
 *
 * @param title the claim that holds when the case passes
 */
export function vmTest(title: string, matrix: VmMatrix, body: VmBody): void {
	declare({ title, matrix, isJudged: false }, body);
}

type Declare = (declaration: Pick<CaseDeclaration, 'title' | 'matrix' | 'isJudged'>, body: CaseBody) => void;

const declare = await (async (): Promise<Declare> => {
	const collector = (globalThis as { [collectorKey]?: Collector })[collectorKey];
	if (collector !== undefined) {
		return declaration => {
			collector.declarations.push({ case: collector.case, isOwn: collector.isOwn, ...declaration });
		};
	}
	// AVA ends a process that imports it outside its workers.
	const [{ default: test }, { declareCells }] = await Promise.all([import('ava'), import('./worker/worker.ts')]);
	const { name, folder } = caseIdentity(fileURLToPath(test.meta.file));
	const runAlone = async (cells: readonly Cell[]) => (await import('./run/alone.ts')).runAlone(cells);
	return (declaration, body) => declareCells(test, { case: name, casesFolder: folder, ...declaration }, body, runAlone);
})();
