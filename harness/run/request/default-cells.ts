import { type CasePlace, caseFolders } from '../../plan/case-files.ts';
import { collectCases } from '../../plan/collect.ts';
import { type Cell, planCells } from '../../plan/plan.ts';
import { defaultSelection } from '../../plan/select.ts';

/** The cells of a run with default options. */
export async function defaultCells(place: CasePlace): Promise<Cell[]> {
	const { declarations } = await collectCases(caseFolders(place));
	return planCells(declarations, defaultSelection([]));
}
