/** The room's door. What is not here is the room's own. */

export { htmlOf } from './html.ts';
export { junitOf } from './junit.ts';
export { kcidbOf } from './kcidb.ts';
export { markdownOf } from './markdown.ts';
export { notesOf, type RunNote } from './notes.ts';
export { PrettyReport } from './pretty.ts';
export { tapOf } from './tap.ts';
