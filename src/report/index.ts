/** The public interface of this folder. Everything else is internal. */

export { type Explanation, explanationOf, isWrong, type LayerView, type Side } from './explain/explanation.ts';
export { type ExplanationTextOptions, explanationLines } from './explain/text.ts';
export { htmlOf } from './html.ts';
export { junitOf } from './junit.ts';
export { kcidbOf } from './kcidb.ts';
export { markdownOf } from './markdown.ts';
export { notesOf, type RunNote } from './notes.ts';
export { PrettyReport } from './pretty.ts';
export { tapOf } from './tap.ts';
