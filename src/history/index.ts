/** What earlier runs were like: an index of runs in the user's state folder. The public interface of this folder. */

export { type CellHistory, cellHistories, type Flakiness, type Spread } from './judge/cells.ts';
export { type Drift, type Drifts, driftsIn } from './judge/drift.ts';
export {
	type Again,
	isNews,
	type JudgedFailure,
	type JudgedNews,
	judgeNews,
	type News,
	newsOf,
} from './judge/news.ts';
export { type NightReport, nightReport, nightsRed } from './judge/report.ts';
export { usualDurations } from './store/durations.ts';
export { stateFolder } from './store/place.ts';
export { type PastCell, type PastRun, readHistory } from './store/read.ts';
export { recordRuns } from './store/record.ts';
export type { StoreOptions } from './store/store.ts';
export { cellsDocument } from './tell/cells.ts';
export { type NewsOptions, newsDocument } from './tell/news.ts';
export { nightDocument } from './tell/report.ts';
export {
	type HistoryDocument,
	historyDefinitions,
	historyShape,
	type NightDocument,
	nightShape,
} from './tell/shapes.ts';
