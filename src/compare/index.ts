/** What changed from one run to another, or from a baseline to a run. The public interface of this folder. */

export { type CellChange, groupingText } from './changes.ts';
export { type Comparison, compareSides, hasNothingInCommon, type SideSummary } from './compare.ts';
export type { ChangeGroup } from './groups.ts';
export type { MeasuredChange } from './measure/measure.ts';
export { leastProbability, median, rankTest, significant } from './measure/statistics.ts';
export { type Baseline, baselineShape, baselineText } from './side/baseline.ts';
export { buildOf, type CellIdentity, identityOf, stableIdOf, stableIdsOf } from './side/identity.ts';
export { isVerdict, type Side, type SideCell, sideOf } from './side/side.ts';
export { whereOf } from './where.ts';
export { backendText, type ChangeKind, changeKinds, findingIn, kindTitles, ruleText } from './words.ts';
