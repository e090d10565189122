/** The public interface of this folder. Everything else is internal. */

export { chromeTraceOf } from './chrome-trace.ts';
export { type ComparisonOptions, comparisonDocument, headline } from './comparison/document.ts';
export {
	type Block,
	commandLines,
	htmlFrom,
	type Link,
	type ListItem,
	markdownFrom,
	type ReportDocument,
	textOf,
} from './document/index.ts';
export { githubOf } from './engines/github.ts';
export { lavaOf } from './engines/lava.ts';
export { type Explanation, explanationOf, isWrong, type LayerView, type Side } from './explain/explanation.ts';
export { type ExplanationTextOptions, explanationLines } from './explain/text.ts';
export type { ArtifactReader } from './html/cell/logs.ts';
export { type HtmlOptions, htmlOf } from './html/html.ts';
export { junitOf } from './junit.ts';
export { type KcidbSource, kcidbOf } from './kcidb.ts';
export { markdownOf } from './markdown.ts';
export { notesOf, type RunNote } from './notes.ts';
export { pinAgeDays, pinName, staleAfterDays, wordsOfPins } from './pins.ts';
export { allPassed, type RunReportOptions, runDocument } from './run/document.ts';
export { annotationsOf, command as workflowCommand } from './series/annotations.ts';
export { kernelWords, type SeriesReportOptions, seriesDocument } from './series/document.ts';
export { seriesJunitOf } from './series/junit.ts';
export { repeatScripts } from './series/repeat.ts';
export {
	type AppliedSeries,
	type BuildsSay,
	type Claim,
	everythingPassed,
	judgeSeries,
	type KernelAnswers,
	type KernelTrial,
	type SeriesEvidence,
	type SeriesFinding,
	type SeriesVerdict,
	triedIn,
	unaskedAfter,
} from './series/verdict.ts';
export { tapOf } from './tap.ts';
export { PrettyReport } from './terminal/pretty.ts';
export { programName, shownStatus } from './words.ts';
